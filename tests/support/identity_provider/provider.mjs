// The OpenID Connect provider of the tests: node provider.mjs <folder of the installed package> <file of settings>.
//
// The settings are JSON: issuer, port, redirect_uri, resource, audience, keys (private JWKs, the first signs), client_secret,
// and for each account and machine the claims of its access tokens. Everything else is oidc-provider as it comes, with its
// own pages for login and consent.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(file, 'utf8'));
const installed = createRequire(join(folder, 'package.json')).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(installed));

const provider = new Provider(settings.issuer, {
  clients: [
    {
      client_id: 'ecp',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [settings.redirect_uri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
    {
      client_id: 'ci',
      client_secret: settings.client_secret,
      redirect_uris: [],
      grant_types: ['client_credentials'],
      response_types: [],
    },
  ],
  clientDefaults: { id_token_signed_response_alg: settings.keys[0].alg },
  cookies: { keys: ['the tests sign no secret'] },
  jwks: { keys: settings.keys },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        audience: settings.audience,
        scope: 'calls',
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: settings.keys[0].alg } },
      }),
    },
  },
  extraTokenClaims: (_, token) => settings.claims[token.accountId ?? token.clientId],
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
});
provider.listen(settings.port, '127.0.0.1');
