### Choices of a tenant: for single services and for its cluster.

## What can't be chosen, by the types of the errors.

value-not_an_object_name = { $value }은(는) 이름이 아닙니다. registry-login처럼 영문 소문자, 숫자, '-', '.'로 쓰세요
value-not_a_host_name = { $value }은(는) 호스트 이름이 아닙니다. voice.example.com처럼 DNS 이름을 쓰세요
value-not_a_label_name = { $value }은(는) 레이블 이름이 아닙니다. example.com/team처럼 이름 앞에 DNS 접두사를 붙일 수 있습니다
value-not_a_label_value = { $value }은(는) 레이블 값이 아닙니다. 문자, 숫자, '-', '_', '.'로 63자 이하로 쓰세요
value-not_a_path = { $value }은(는) 경로가 아닙니다. /health처럼 '/'와 199자 이하의 ASCII 문자를 쓰세요
value-not_a_variable = { $value }은(는) 변수 이름이 아닙니다. LOG_LEVEL처럼 문자, 숫자, '_'로 쓰고 숫자로 시작하지 마세요
value-not_a_registry = { $value }은(는) 레지스트리가 아닙니다. registry.example.com/team처럼 호스트를, 필요하면 경로도 쓰세요
value-not_a_repository = { $value }은(는) 리포지토리가 아닙니다. team/callbot처럼 영문 소문자 이름을 '/'로 이어 쓰세요
value-not_a_tag = { $value }은(는) 태그가 아닙니다. 1.52.0처럼 문자, 숫자, '.', '_', '-'로 128자 이하로 쓰세요
value-not_a_digest = { $value }은(는) 다이제스트가 아닙니다. sha256:과 16진수 64자리를 쓰세요
value-not_an_amount_of_cpu = { $value }은(는) 50m에서 256 사이의 CPU 양이 아닙니다. 2나 500m처럼 코어 또는 밀리코어로 쓰세요
value-not_an_amount_of_memory = { $value }은(는) 128Mi에서 4Ti 사이의 메모리 양이 아닙니다. 512Mi나 2Gi처럼 숫자와 단위를 쓰세요
value-not_printable = 제어 문자를 쓸 수 없습니다
value-request_above_limit = requests.{ $resource }가 limits.{ $resource }보다 큽니다
value-variable_reserved = { $names }은(는) 오케스트레이터가 설정하므로 선택할 수 없습니다
value-environment_too_long = 값이 모두 합쳐 { $most }자를 넘습니다. 긴 값은 파일이나 볼륨에 두세요
value-environments_too_long = 모든 서비스의 환경 변수가 { $most }자를 넘습니다. 긴 값은 파일에 두세요
value-bounds_crossed = min_replicas { $least }이(가) max_replicas { $most }보다 큽니다
value-autoscaling_off = enabled가 false이므로 다른 필드는 효과가 없습니다. 빼거나 replicas를 지정하세요
value-replicas_above_maximum = replicas { $replicas }이(가) autoscaling.max_replicas { $most }보다 큽니다
value-replicas_twice = replicas { $replicas }과(와) autoscaling.min_replicas { $least }이(가) 다릅니다. 둘 다 평상시 레플리카 수이므로 하나만 지정하세요
value-label_reserved = { $names }은(는) 오케스트레이터나 Kubernetes가 설정하므로 선택할 수 없습니다. 자체 접두사를 쓰세요
value-labels_too_long = 레이블과 주석이 { $most }자를 넘습니다. 모든 객체에 전부 들어갑니다
value-gpu_label_reserved = { $name }은(는) gpu_type에 따라 정해지므로 여기서 선택할 수 없습니다
value-toleration_value = 연산자 Exists에는 값이 없습니다. value를 빼세요
value-toleration_key = key가 없으면 연산자는 모든 테인트를 허용하는 Exists여야 합니다
value-toleration_seconds = toleration_seconds에는 효과 NoExecute가 필요합니다
