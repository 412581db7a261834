## Errors, by code. Parameters are the error's details.

TENANT_NOT_FOUND = 테넌트 '{ $tenant_id }'을(를) 찾을 수 없습니다
TENANT_ALREADY_EXISTS = 동일한 ID의 테넌트가 이미 존재합니다: { $tenant_id } (상태: { $existing_status })
INSUFFICIENT_RESOURCES = '{ $target }'에 테넌트 '{ $tenant_id }'을(를) 위한 자원이 부족합니다. 부족한 자원은 details를 확인하세요. options.wait_for_capacity를 true로 하면 자원이 생길 때까지 기다립니다
DEPLOYMENT_NOT_FOUND = 배포 '{ $deployment_id }'을(를) 찾을 수 없습니다
INVALID_PRESET = 알 수 없는 프리셋입니다. details를 확인하세요
INVALID_MODE = X-Demo-Mode는 true 또는 false여야 합니다
VALIDATION_ERROR = 요청이 올바르지 않습니다. details.errors의 항목을 고쳐서 다시 보내세요
WORKER_UNAVAILABLE = 작업자 '{ $dependency }'가 응답하지 않습니다. 잠시 후 다시 시도하세요
DATABASE_ERROR = 데이터베이스를 사용할 수 없습니다. 잠시 후 다시 시도하세요
MONITORING_UNAVAILABLE = 모니터링 서비스를 사용할 수 없습니다. 잠시 후 다시 시도하세요
DEPENDENCY_UNAVAILABLE = '{ $dependency }'을(를) 사용할 수 없습니다. 잠시 후 다시 시도하세요
NOT_FOUND = 요청한 경로가 없습니다
path-moved = { $path } 경로는 없습니다. 대신 { $use }를 쓰세요
METHOD_NOT_ALLOWED = 이 경로에서 사용할 수 없는 메서드입니다. 허용: { $allowed }
PRECONDITION_FAILED = 설정이 그사이 버전 { $version }(으)로 바뀌었습니다. 다시 읽은 뒤 그 버전을 바꾸세요
no-such-version = 설정의 버전 { $version }이(가) 없습니다
BODY_TOO_LARGE = 요청 본문이 너무 큽니다. 최대 { $limit_bytes }바이트입니다
UNSUPPORTED_MEDIA_TYPE = Content-Type은 application/json이어야 합니다
MISDIRECTED_REQUEST = '{ $host }'은(는) 이 서비스의 이름이 아닙니다. 이름이 맞다면 { $setting }에 추가하세요
ORIGIN_NOT_ALLOWED = '{ $origin }'의 페이지는 이 서비스를 사용할 수 없습니다. 허용하려면 { $setting }에 추가하세요
REQUEST_TIMEOUT = { $seconds }초 안에 요청 본문이 모두 도착하지 않았습니다. 더 빠르게 또는 나누어서 다시 보내세요
OVERLOADED = 지금은 요청이 너무 많습니다. 잠시 후 다시 시도하세요
INTERNAL = 서버 내부 오류입니다. request_id로 로그를 확인하세요
MANIFEST_INVALID = 매니페스트가 올바르지 않습니다. details.findings를 확인하세요

## Conflicts: the request is valid, but not in the present state.

target-bound = 테넌트가 '{ $target }'에 배포되어 있습니다. '{ $requested }'에 배포하려면 먼저 삭제하세요
tenant-just-deleted = 테넌트 '{ $tenant_id }'이(가) 방금 삭제되었습니다. 다시 시도하세요
tenant-being-deleted = 테넌트 '{ $tenant_id }'이(가) 삭제되고 있습니다. 삭제가 끝날 때까지 기다리세요
tenant-changed-by-others = 다른 요청이 이 테넌트를 바꾸고 있습니다. 다시 시도하세요
event-id-reused = 같은 출처와 ID의 이벤트가 다른 본문으로 온 적이 있습니다. 이벤트마다 다른 ID를 쓰세요
idempotency-key-reused = 이 Idempotency-Key는 다른 본문에 쓰였습니다. 새 키를 쓰세요
stopped-already = 테넌트 '{ $tenant_id }'은(는) 이미 중지되었거나 중지되고 있습니다. POST .../start로 시작하세요
never-deployed = 테넌트 '{ $tenant_id }'은(는) 배포된 적이 없어 실행 중인 것이 없습니다
not-stopped = 테넌트 '{ $tenant_id }'은(는) 중지되지 않았습니다 (상태: { $existing_status }). 파드를 새로 만들려면 POST .../restart를 쓰세요
never-healthy = 테넌트 '{ $tenant_id }'에는 정상이었던 배포가 아직 없습니다. POST .../deploy로 현재 리비전을 배포하세요
stopped-restart = 테넌트 '{ $tenant_id }'은(는) 중지되었습니다. POST .../start로 시작하세요
stopped-rollback = 테넌트 '{ $tenant_id }'은(는) 중지되었습니다. 롤백하기 전에 시작하세요
operation-in-progress = 테넌트 '{ $tenant_id }'의 작업({ $operation }, { $deployment_id })이 진행 중이며 재시작하면 취소됩니다. 끝날 때까지 기다리세요
nothing-runs = 테넌트 '{ $tenant_id }'에 실행 중인 것이 없습니다. POST .../deploy로 현재 리비전을 배포하세요
nothing-to-roll-back-to = 테넌트 '{ $tenant_id }'에 롤백할 배포가 없습니다. 매니페스트가 다르고 정상이었던 이전 배포가 없습니다
not-a-healthy-deployment = 배포 '{ $deployment_id }'(으)로 롤백할 수 없습니다 ({ $operation }, 상태: { $status }). 완료된 배포를 고르세요
ended-already = 배포 '{ $deployment_id }'은(는) 이미 끝났습니다 ({ $operation }, 상태: { $existing_status }). 진행 중인 작업만 취소할 수 있습니다
deletion-not-cancelled = 테넌트 '{ $tenant_id }'의 삭제는 일부가 이미 지워졌을 수 있어 취소할 수 없습니다. 끝날 때까지 기다린 뒤 다시 생성하세요
being-superseded = 배포 '{ $deployment_id }'은(는) 테넌트 '{ $tenant_id }'의 다음 작업으로 대체되고 있습니다. 그 작업을 취소하세요
nothing-to-cancel = 테넌트 '{ $tenant_id }'은(는) 배포된 적이 없어 취소할 것이 없습니다
settings-changed-by-others = 다른 요청이 설정을 바꾸고 있습니다. 다시 읽은 뒤 다시 시도하세요
adoption-conflicts = '{ $namespace }'의 레이블이 다른 테넌트나 도구의 것입니다: { $conflicts }. options.force_conflicts로 바꿀 수 있습니다

## Notes on accepted requests.

settings-no-cluster = deployment_method { $method }은(는) 효과가 없습니다. 이 모드에는 자체 클러스터가 없습니다
settings-record = deployment_method { $method }은(는) 기록일 뿐이며, 테넌트는 이 모드의 기본 방식으로 배포됩니다
deletion-started = 테넌트 삭제가 시작되었습니다
cancelled-already = 취소되었습니다
cancel-in-progress = 취소하는 중입니다
cancel-requested = 취소를 요청했습니다. 이미 적용된 것은 그대로 남습니다
sessions-estimated = service_requirements는 레플리카 수로 추정한 값입니다. 예상 세션 수를 직접 지정하세요
options-unexpressed = 다음 값은 service_options로 유지할 수 없습니다: { $names }
pods-unlabelled = { $names }의 파드에 테넌트 레이블이 없습니다. CPU와 메모리는 다음 배포부터 측정됩니다
adopted-is-pruned = 다음 배포는 새 매니페스트에 없는 인수한 객체 { $count }개를 삭제합니다(예: { $names }). options.prune을 false로 하면 남습니다
adopted-is-deleted = 인수한 뒤에는 네임스페이스가 테넌트의 것입니다. 테넌트를 삭제하면 인수한 것도 삭제됩니다
namespace-not-adoptable = 인수한 네임스페이스는 테넌트의 것이 되므로 { $prefix }<테넌트 ID> 형식의 네임스페이스만 인수할 수 있습니다
namespace-missing = '{ $target }'에 네임스페이스 { $namespace }이(가) 없습니다
no-service-found = 네임스페이스에 서비스 이름을 가진 실행 중인 워크로드가 없습니다. service_requirements를 지정하세요
no-kubeconfig = kubeconfig({ $setting })가 설정되지 않아 시뮬레이터의 클러스터 `default`에 배포합니다
room-unchecked = '{ $target }'의 여유 자원을 확인하지 못했습니다: { $reason }
waits-for-room = '{ $target }'에 자원이 생길 때까지 기다립니다: { $short }
manifest-of-a-revision = 매니페스트는 리비전 { $of }의 것입니다. 테넌트의 현재 리비전은 { $at }이며 POST .../deploy로 배포합니다
finding-line = { $line }행

## Fields of other clients.

field-tenancy-mode = tenancy_mode는 효과가 없습니다. 크기는 자원 계산 또는 preset이 정합니다
field-cloud-provider = cloud_provider는 효과가 없습니다. 실행할 곳은 target으로 고릅니다
field-per-service = { $field }은(는) 효과가 없습니다. service_options에서 서비스별로 고르세요
field-channels = { $field }은(는) 효과가 없습니다. 세션 수는 service_requirements로 정합니다
field-status = status는 직접 바꿀 수 없습니다. POST .../start, .../stop, .../restart, .../deploy를 쓰세요
field-read-only = { $field }은(는) 표시만 되며 바꿀 수 없습니다

## Whether an id can be used.

id-available = 테넌트 ID { $tenant_id }은(는) 사용할 수 있습니다
id-in-use = 테넌트 ID { $tenant_id }은(는) 이미 사용 중입니다 (상태: { $status })
id-being-deleted = 테넌트 { $tenant_id }이(가) 삭제되고 있습니다. 삭제가 끝나면 이 ID를 쓸 수 있습니다

## The diff of two deployments.

not-a-deployment-of = '{ $deployment_id }'은(는) 테넌트 '{ $tenant_id }'의 배포가 아닙니다
deployment-without-manifest = 배포 '{ $deployment_id }'({ $operation }, 상태: { $status })에는 매니페스트가 없습니다
manifest-lost = 배포 '{ $deployment_id }'의 매니페스트({ $digest })가 더 이상 저장되어 있지 않습니다
no-earlier-deployment = 배포 '{ $deployment_id }'보다 먼저 매니페스트가 있었던 배포가 없습니다. `against`로 다른 배포를 고르세요

## A pipeline's report beside what is observed.

deployed-at-out-of-range = { $earliest }부터 지금까지의 시각이어야 합니다
report-before-request = deployed_at이 작업({ $operation })을 요청한 시각({ $requested })보다 앞섭니다
report-of-another-status = { $reported }(으)로 보고되었지만 작업({ $operation })의 상태는 { $status }입니다
report-of-down-services = completed로 보고되었지만 중단된 서비스가 있습니다: { $services }
