### Findings of the manifest's validation, by code. `$detail` and `$reason` are in English, since people search for them.

## The text

TOO_LARGE = 매니페스트가 { $size }바이트입니다. 최대 { $limit }바이트까지 읽습니다.
    .advice = 나누어서 각각 검증하십시오.

TOO_MANY_DOCUMENTS = 문서가 { $limit }개를 넘어 나머지는 읽지 않았습니다.
    .advice = 나누어서 각각 검증하십시오.

TOO_MANY_NODES = 별칭이 가리키는 것까지 세어 값이 { $limit }개를 넘어 여기에서 읽기를 멈췄습니다.
    .advice = 나누거나, 별칭의 별칭을 쓰지 마십시오.

TOO_DEEP = 중첩이 { $limit }단계를 넘어 여기에서 읽기를 멈췄습니다.
    .advice = 이렇게 깊은 Kubernetes 객체는 없습니다. 닫지 않은 괄호가 있는지 확인하십시오.

TOO_MANY_FINDINGS = 발견 사항이 { $limit }개를 넘어 나머지는 생략했습니다.
    .advice = 먼저 이것들을 고친 뒤 다시 검증하십시오.

INVALID_UTF8 = { $byte } 바이트는 UTF-8이 아닙니다.
    .advice = 파일을 UTF-8로 저장하십시오.

CHARACTER_REFUSED = YAML에서 허용하지 않는 문자 { $character }가 있습니다.
    .advice = 지우거나 큰따옴표 안에 이스케이프로 쓰십시오.

YAML_SYNTAX = YAML 구문 오류: { $problem }.
    .advice = 이 줄이나 바로 위의 구문을 고치십시오. 들여쓰기, 콜론 뒤의 빠진 공백, 탭이 흔한 원인입니다.

ALIAS_UNKNOWN = 별칭 *{ $name }에 해당하는 앵커가 없습니다.
    .advice = 같은 문서의 앞부분에 &{ $name }을 정의하십시오.

ALIAS_RECURSIVE = 별칭 *{ $name }이 자기 자신을 포함합니다.
    .advice = 값을 직접 쓰십시오.

TAG_REFUSED = 태그 { $tag }는 허용되지 않습니다.
    .advice = 태그를 지우십시오. Kubernetes는 순수한 데이터만 압니다.

DUPLICATE_KEY = 키 "{ $key }"가 같은 맵에 두 번 있습니다.
    .advice = 둘 중 하나를 지우십시오. 그대로 두면 뒤의 것이 조용히 적용됩니다.

KEY_NOT_A_STRING = 키 { $key }는 문자열이 아닙니다. Kubernetes는 "{ $text }"로 읽습니다.
    .advice = 키를 따옴표로 묶으십시오.

KEY_UNUSABLE = { $key }는 키가 될 수 없습니다.
    .advice = 키를 문자열로 쓰십시오.

VALUE_UNUSABLE = JSON과 Kubernetes에는 { $value } 값이 없습니다.
    .advice = 숫자를 쓰거나 따옴표로 묶으십시오.

EMPTY_MANIFEST = 매니페스트에 객체가 없습니다.
    .advice = Kubernetes 객체를 하나 이상 보내십시오.

NOT_AN_OBJECT =
    문서가 객체가 아니라 { $found ->
        [list] 목록
        [string] 문자열
       *[scalar] 숫자 또는 불리언
    }입니다.
    .advice = Kubernetes 객체는 apiVersion, kind, metadata가 있는 맵입니다.

## The schema, and the rules of one object

OBJECT_UNIDENTIFIED = '{ $field }'가 없습니다.
    .advice = { $field }를 문자열로 쓰십시오.

KIND_UNKNOWN = Kubernetes { $kubernetes }의 "{ $version }"에는 "{ $kind }" 종류가 없습니다.
    .advice = apiVersion과 kind의 철자를 확인하십시오.

KIND_CUSTOM = { $version }의 { $kind }는 사용자 정의 리소스라서 필드를 확인하지 않았습니다.
    .advice = 클러스터에 해당 CustomResourceDefinition이 있는지 확인하십시오.

API_REMOVED = { $version } { $kind }는 Kubernetes { $removed }에서 제거되었습니다.
    .advice = 대신 { $replacement }를 쓰십시오.

API_DEPRECATED =
    { $version } { $kind }는 Kubernetes { $deprecated }부터 사용이 권장되지 않{ $removed ->
        [never] 습니다
       *[other] 으며 { $removed }에서 제거되었습니다
    }.
    .advice = 대신 { $replacement }를 쓰십시오.

UNKNOWN_FIELD = 알 수 없는 필드 "{ $field }"입니다.
    .advice =
        철자나 위치를 고치십시오{ $meant ->
            [none] { "" }
           *[other] { " " }("{ $meant }"을(를) 쓰려 했습니까?)
        }. Kubernetes는 이 필드를 버립니다.

WRONG_TYPE = 값의 형식이 맞지 않습니다: { $detail }
    .advice = 해당 형식의 값을 쓰십시오. 따옴표가 있으면 문자열, 없으면 숫자나 불리언입니다.

FIELD_REQUIRED = 필요한 값이 없습니다: { $detail }
    .advice = 필드를 추가하십시오.

FIELD_INVALID = 올바르지 않은 값입니다: { $detail }
    .advice = 메시지에 따라 값을 고치십시오.

FIELD_NOT_SUPPORTED = 지원하지 않는 값입니다: { $detail }
    .advice = 나열된 값 중 하나를 고르십시오.

FIELD_DUPLICATE = 중복된 값입니다: { $detail }
    .advice = 둘 중 하나를 지우거나 이름을 바꾸십시오.

FIELD_FORBIDDEN = 허용되지 않는 필드입니다: { $detail }
    .advice = 필드를 지우십시오.

FIELD_TOO_LONG = 값이 너무 깁니다: { $detail }
    .advice = 줄이십시오.

FIELD_NOT_FOUND = 가리키는 대상이 없습니다: { $detail }
    .advice = 대상을 정의하거나 이름을 고치십시오.

## References between objects

DUPLICATE_OBJECT = { $object }가 두 번 정의되어 뒤의 것이 적용됩니다.
    .advice = 하나를 지우거나 이름을 바꾸십시오.

NAMESPACES_MIXED = 매니페스트에 네임스페이스가 여러 개입니다: { $namespaces }.
    .advice = 테넌트 하나에는 네임스페이스 하나만 쓰십시오.

NAMESPACE_UNEXPECTED = { $object }가 { $namespace }에 있습니다. 테넌트의 네임스페이스는 { $expected }입니다.
    .advice = metadata.namespace를 고치십시오.

SELECTS_NOTHING = 셀렉터 { $selector }에 맞는 파드가 이 매니페스트에 없습니다.
    .advice = 파드 템플릿의 레이블과 같게 하십시오.

PORT_NOT_FOUND = 닿을 수 있는 컨테이너에 포트 { $port }이(가) 없습니다.
    .advice = 컨테이너의 포트를 쓰거나 이 포트를 선언하십시오.

TARGET_NOT_FOUND = { $target }이(가) 이 매니페스트에 없습니다.
    .advice = 추가하거나 이름을 고치십시오.

REFERENCE_NOT_FOUND = { $target }이(가) 이 매니페스트에 없습니다. 클러스터에 생길 때까지 이를 참조하는 것이 기다립니다.
    .advice = 추가하거나 클러스터에 있는지 확인하십시오.

REFERENCE_KEY_NOT_FOUND = { $target }에 키 { $key }가 없습니다.
    .advice = 키를 추가하거나 이름을 고치십시오.

REPLICAS_CONFLICT = spec.replicas와 HorizontalPodAutoscaler { $scaler }가 함께 파드 수를 정합니다.
    .advice = spec.replicas를 지우십시오. 적용할 때마다 확장이 취소됩니다.

BUDGET_BLOCKS = 복제본 { $replicas }개에서 퇴거를 전혀 허용하지 않아 노드를 비울 수 없습니다.
    .advice = maxUnavailable: 1을 쓰거나 minAvailable을 복제본 수보다 작게 하십시오.

## Workloads and limits

RESOURCES_MISSING = 컨테이너 { $container }에 { $missing }이(가) 없습니다.
    .advice = CPU와 메모리의 requests와 limits를 설정하십시오.

VARIABLE_DUPLICATE = 컨테이너 { $container }가 변수 { $name }을(를) 두 번 이상 설정합니다. 마지막 값이 쓰입니다.
    .advice = 하나만 남기십시오.

SCALER_WITHOUT_REQUESTS = 오토스케일러는 { $resource } requests의 비율로 계산하는데 컨테이너 { $container }에 없습니다.
    .advice = requests를 설정하십시오.

PROBE_MISSING = 컨테이너 { $container }에 { $probe }가 없습니다.
    .advice = 추가하십시오. 없으면 파드가 실행되자마자 정상으로 여겨집니다.

PROBES_IDENTICAL = 컨테이너 { $container }의 liveness와 readiness 프로브가 같습니다.
    .advice = liveness는 /health, readiness는 /ready를 쓰십시오. 바쁜 파드를 재시작하면 안 됩니다.

PROBE_IMPATIENT = 컨테이너 { $container }의 liveness 프로브 설정이 권장값보다 짧습니다: 시작 { $seconds }초 뒤에 재시작합니다.
    .advice = 필요한 시간을 주는 startup 프로브를 추가하십시오.

PROBE_TIMEOUT = 컨테이너 { $container }의 { $probe }는 { $period }초마다 실행되는데 제한 시간이 { $timeout }초입니다.
    .advice = timeoutSeconds를 periodSeconds보다 짧게 하십시오.

QUOTA_EXCEEDED = 모든 파드에 { $resource } { $needed }가 필요한데 ResourceQuota { $quota }는 { $hard }입니다.
    .advice = 쿼터를 올리거나 요청을 줄이십시오.

QUOTA_TIGHT = 오토스케일러가 최대일 때 { $resource } { $needed }가 필요한데 ResourceQuota { $quota }는 { $hard }입니다.
    .advice = 쿼터를 올리거나 maxReplicas를 낮추십시오.

QUOTA_WITHOUT_VALUE = ResourceQuota { $quota }가 { $resource }를 제한하는데 컨테이너 { $container }에 값이 없어 파드가 거부됩니다.
    .advice = 값을 쓰거나 LimitRange에 기본값을 두십시오.

LIMIT_RANGE_VIOLATED =
    컨테이너 { $container }의 { $resource } { $value }이(가) LimitRange의 { $bound } { $side ->
        [above] 초과
       *[below] 미만
    } 값입니다.
    .advice = 컨테이너나 LimitRange를 고치십시오.

## Security

POD_SECURITY_REFUSED = PodSecurity "{ $level }"에 어긋나 파드가 거부됩니다: { $detail }
    .advice = 파드를 고치거나 네임스페이스의 레이블을 바꾸십시오.

PRIVILEGED = 컨테이너 { $container }가 privileged라서 노드 전체를 지배합니다.
    .advice = securityContext.privileged를 지우십시오.

HOST_NAMESPACE = 파드가 노드의 { $field }를 공유합니다.
    .advice = { $field }를 지우십시오.

HOST_PATH = 파드가 노드의 { $path }를 마운트합니다.
    .advice = PersistentVolumeClaim이나 emptyDir을 쓰십시오.

CAPABILITIES =
    컨테이너 { $container }의 capabilities를 줄이지 않았습니다: { $added ->
        [none] 기본 capabilities가 남아 있습니다
       *[other] { $added }을(를) 추가합니다
    }.
    .advice = ALL을 drop하고 꼭 필요한 것만 추가하십시오.

RUNS_AS_ROOT = 컨테이너 { $container }가 root로 실행될 수 있습니다.
    .advice = runAsNonRoot: true와 10000 이상의 runAsUser를 설정하십시오.

PRIVILEGE_ESCALATION = 컨테이너 { $container }가 권한을 더 얻을 수 있습니다.
    .advice = allowPrivilegeEscalation: false를 설정하십시오.

ROOT_FILESYSTEM_WRITABLE = 컨테이너 { $container }가 루트 파일시스템에 쓸 수 있습니다.
    .advice = readOnlyRootFilesystem: true를 설정하고 쓰는 곳에 emptyDir을 마운트하십시오.

SECCOMP_MISSING = 컨테이너 { $container }에 seccomp 프로필이 없습니다.
    .advice = seccompProfile.type: RuntimeDefault를 설정하십시오.

IMAGE_NOT_PINNED = 이미지 { $image }의 버전이 고정되지 않았습니다.
    .advice = 버전이나 다이제스트를 지정하십시오.

SECRET_IN_ENVIRONMENT = 변수 { $name }에 비밀 값이 그대로 있습니다.
    .advice = Secret을 참조하십시오.

SECRET_IN_MANIFEST = Secret의 값이 매니페스트에 들어 있습니다.
    .advice = 실행 환경에서 채우거나 External Secrets를 쓰십시오.

INGRESS_WITHOUT_TLS = 호스트 { $host }가 TLS 없이 제공됩니다.
    .advice = spec.tls에 호스트를 추가하십시오.

ROLE_TOO_WIDE = 역할이 모든 것을 허용합니다: { $rule }.
    .advice = 필요한 리소스와 동사만 쓰십시오.

## The cluster

CAPACITY_EXCEEDED = { $resource } { $needed }이(가) 클러스터의 여유 용량 { $free }를 초과할 수 있습니다.
    .advice = 요청을 줄이거나 노드를 추가하십시오.

CAPACITY_TIGHT = { $resource } 리소스가 클러스터 용량의 80%를 초과합니다 ({ $percent }%).
    .advice = 노드 추가를 계획하십시오. 노드 장애에 대비한 여유가 없습니다.

POD_FITS_NOWHERE = 파드 { $replicas }개 중 { $missing }개를 둘 노드가 없습니다: { $reason }.
    .advice = 파드의 요청을 줄이거나, 노드 셀렉터나 톨러레이션을 고치거나, 그런 노드를 추가하십시오.

CAPACITY_UNKNOWN = 클러스터 용량을 확인하지 못했습니다: { $reason }.
    .advice = 클러스터가 응답할 때 다시 검증하십시오.

SIMULATOR_UNSERVED = 시뮬레이터는 { $version }의 { $kind }를 제공하지 않습니다.
    .advice = 시뮬레이터에서는 빼거나 실제 클러스터에 배포하십시오.
