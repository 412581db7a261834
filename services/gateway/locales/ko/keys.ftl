## API keys and tickets of sockets.

key-not-found = 이 모드에 API 키 '{ $key_id }'이(가) 없습니다. GET /api/v1/keys로 확인하세요
key-invalid = API 키가 유효하지 않습니다. 잘못 입력했거나 교체 또는 폐기된 키입니다
key-expired = API 키가 만료되었습니다. 새 키를 만드세요
key-of-other-mode = { $mode } 모드의 API 키입니다. X-Demo-Mode를 그 모드에 맞게 보내세요
too-many-keys = 이 모드에 API 키가 { $most }개 있습니다. 사용하지 않는 키를 폐기하세요
first-key-exists = { $mode } 모드에 관리자의 API 키가 이미 있습니다. `ecp keys create`로 새 키를 만드세요
ticket-invalid = 티켓이 유효하지 않습니다. 이미 사용되었거나 30초가 지났습니다. POST /api/v1/ws-tickets로 다시 만드세요
ticket-ended = 티켓을 만든 자격 증명이 만료되었습니다
ticket-of-other-mode = { $mode } 모드의 티켓입니다
credentials-several = 소켓에 자격 증명이 여러 개 있습니다. 서브프로토콜 또는 티켓 중 하나만 보내세요
too-many-tickets = 아직 사용하지 않은 티켓이 { $most }개 있습니다. 사용하거나 { $retry_after }초 기다리세요

value-key_name = 출력 가능한 문자로, 앞뒤 공백 없이 쓰세요
value-key_tenant = 테넌트 ID를 쓰거나, 모든 테넌트는 *를 쓰세요
value-key_of_admin = 관리자의 키는 모든 테넌트를 가집니다. tenants를 빼세요
value-key_without_tenants = 테넌트를 지정하거나, 모두라면 tenants: ["*"]를 쓰세요
value-key_tenant_mix = *는 모든 테넌트이므로 혼자 써야 합니다

## Limits of calls.

RATE_LIMITED = 분당 { $limit }회를 초과했습니다({ $policy }). { $retry_after }초 후에 다시 보내세요
URL_TOO_LONG = 경로와 쿼리가 너무 깁니다. 최대 { $limit_bytes }바이트입니다
HEADERS_TOO_LARGE = 헤더가 너무 많거나 큽니다. 최대 { $most }개, { $limit_bytes }바이트입니다
