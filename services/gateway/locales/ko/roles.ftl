### Roles, and which tenants a caller may see.

FORBIDDEN = 이 호출에는 { $required_role } 역할이 필요합니다. 관리자에게 요청하세요 (현재 역할: { $role })
rule-missing = 이 호출을 허용하는 규칙이 없습니다
credential-missing = 이 호출에는 인증 정보가 필요합니다
tenant-id-in-use = 테넌트 ID '{ $tenant_id }'은(는) 이미 사용 중입니다. 다른 ID를 쓰세요
id-in-use-elsewhere = 테넌트 ID { $tenant_id }은(는) 이미 사용 중입니다
too-many-grants = 테넌트 하나는 최대 { $most }명에게 줄 수 있습니다. 먼저 하나를 취소하세요
grant-not-found = 테넌트 '{ $tenant_id }'은(는) { $kind } '{ $subject }'에게 주어진 적이 없습니다
subject-unusable = 출력 가능한 ASCII 문자 1~{ $most }자여야 합니다
