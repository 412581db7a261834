### Who calls, and what callers may do.

## Credentials that prove nothing.

credentials-missing = 인증 정보가 필요합니다: Authorization: Bearer <토큰 또는 API 키>
credentials-malformed = 인증 정보 하나를 Authorization: Bearer <토큰 또는 API 키> 형식으로 보내세요
credentials-unknown = 토큰을 확인할 ID 공급자가 설정되지 않았습니다. API 키를 보내세요
token-too-long = 토큰이 { $most }자를 넘습니다
token-malformed = 세 부분으로 된 서명된 JSON Web Token이 아닙니다
token-unreadable = 토큰을 읽을 수 없습니다
token-header = 토큰 헤더에 허용되지 않는 { $name }이(가) 있습니다
token-algorithm = 토큰은 { $allowed } 중 하나로 서명해야 합니다
token-type = 접근용이 아닌 다른 용도의 토큰입니다. 액세스 토큰을 보내세요
token-key = 토큰의 키 ID와 알고리즘에 맞는 키가 ID 공급자에 없습니다
token-signature = 토큰의 서명이 해당 키의 서명이 아닙니다
token-issuer = 토큰의 발급자는 { $issuer }이어야 합니다
token-audience = 토큰의 대상(aud)은 { $audience }이어야 합니다
token-expired = 토큰이 만료되었습니다. 다시 로그인하세요
token-not-yet-valid = 토큰이 아직 유효하지 않습니다. 두 컴퓨터의 시계를 비교하세요
token-claim = 토큰의 클레임 { $claim }이(가) 없거나 사용할 수 없습니다

## Rights that depend on the cluster.

takeover-forbidden = { $target }의 네임스페이스 '{ $namespace }'에 다른 주체가 만든 객체가 있어 force_conflicts로 가져올 수 없습니다. 이 옵션을 빼거나, 다른 tenant_id를 고르거나, 관리자에게 요청하세요
