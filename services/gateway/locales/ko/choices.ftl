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
value-image_too_long = registry와 repository가 합쳐 { $most }자를 넘습니다
value-request_above_limit = requests.{ $resource }가 limits.{ $resource }보다 큽니다
value-variable_reserved = { $names }은(는) 오케스트레이터가 설정하므로 선택할 수 없습니다
value-environment_too_long = 값이 모두 합쳐 { $most }자를 넘습니다. 긴 값은 파일이나 볼륨에 두세요
value-environments_too_long = 모든 서비스의 환경 변수가 { $most }자를 넘습니다. 긴 값은 파일에 두세요
value-bounds_crossed = min_replicas { $least }이(가) max_replicas { $most }보다 큽니다
value-autoscaling_off = enabled가 false이므로 다른 필드는 효과가 없습니다. 빼거나 replicas를 지정하세요
value-replicas_above_maximum = replicas { $replicas }이(가) autoscaling.max_replicas { $most }보다 큽니다
value-replicas_twice = replicas { $replicas }과(와) autoscaling.min_replicas { $least }이(가) 다릅니다. 둘 다 평상시 레플리카 수이므로 하나만 지정하세요
value-label_reserved = { $names }은(는) 오케스트레이터나 Kubernetes가 설정하므로 선택할 수 없습니다. 자체 접두사를 쓰세요
value-annotation_beyond = { $names }은(는) 다른 테넌트의 호스트나 객체에 영향을 주므로 선택할 수 없습니다. 빼 주세요
value-labels_too_long = 레이블과 주석이 { $most }자를 넘습니다. 모든 객체에 전부 들어갑니다
value-gpu_label_reserved = { $name }은(는) gpu_type에 따라 정해지므로 여기서 선택할 수 없습니다
value-toleration_value = 연산자 Exists에는 값이 없습니다. value를 빼세요
value-toleration_key = key가 없으면 연산자는 모든 테인트를 허용하는 Exists여야 합니다
value-toleration_seconds = toleration_seconds에는 효과 NoExecute가 필요합니다

## What the catalogue's services forbid.

no-gpu-service = { $service }은(는) CPU 코어에서 동작하며 GPU에서의 용량은 측정된 적이 없습니다. gpu를 빼세요
too-little-cpu = CPU가 { $least }m보다 적은 레플리카로는 { $service }의 { $unit }을(를) 하나도 처리하지 못합니다
too-slow-on-its-cpu = CPU가 너무 적어 { $service }의 p95가 { $own }입니다. 한도는 { $limit }초이므로 CPU를 더 선택하세요

## What was chosen, and its consequences.

replicas-chosen = 선택한 { $replicas }개
queue-bounded = 요청이 쌓이는 대신 p95 { $after } ms
choices-unused = 이 테넌트에는 { $service }이(가) 없어 service_options.{ $service }은(는) 효과가 없습니다.
chosen-turns-away = { $service }: 선택한 레플리카 { $chosen }개는 부하에 필요한 { $needed }개보다 적습니다. 가장 바쁜 시간에 세션의 { $blocked }가 거절됩니다.
chosen-slows-down = { $service }: 선택한 레플리카 { $chosen }개는 부하에 필요한 { $needed }개보다 적습니다. p95가 { $p95 } ms입니다.
chosen-piles-up = { $service }: 선택한 레플리카 { $chosen }개는 부하에 필요한 { $needed }개보다 적습니다. 최대 부하에서 요청이 쌓입니다.
chosen-below-availability = { $service }: 선택한 레플리카 { $replicas }개 중 필요한 { $needed }개가 시간의 { $percent } 동안 동작합니다. 이 서비스 몫의 목표는 { $target }이며, 그러려면 레플리카 { $sized }개가 필요합니다.
chosen-below-minimum = { $service }: 선택한 레플리카 { $replicas }개는 { $sized }개보다 적습니다. 하나뿐인 파드가 끝나면 세션도 끝납니다.
memory-below-measured = { $service }: 메모리 { $chosen } MiB는 용량을 측정할 때의 { $memory } MiB보다 적습니다.
cpu-below-measured = { $service }: CPU { $chosen }m은 용량을 측정할 때의 { $cpu }m보다 적습니다.
replica-above-node = { $service }: 레플리카 하나가 { $gpu_type } 가격의 기준인 { $instance }에 들어가지 않습니다. 실제 노드는 더 비쌀 수 있습니다.
image-unpinned = { $service }: 태그 `latest`는 내일 다른 이미지가 될 수 있고, 롤백해도 오늘의 이미지로 돌아가지 못합니다.
scaled-by-cpu = { $service }: CPU 사용률로 확장되는데, 이는 GPU 부하를 따르지 않습니다.
environment-secret = { $service }: { $names }의 값은 테넌트, 이벤트, 매니페스트에서 읽을 수 있습니다. 비밀 값은 Secret ecp-ai-credentials에 두세요.
ingress-not-included = cluster_options.ingress는 options.include_ingress 없이는 효과가 없습니다
storage-class-bound = 볼륨의 스토리지 클래스는 첫 배포 후 바꿀 수 없습니다. 테넌트를 삭제하고 다시 만들거나 storage_class와 shared_storage_class를 그대로 두세요
labels-above-limit = 대상 { $target }의 기본값과 합치면 레이블이나 주석이 { $most }개, 또는 모두 { $longest }자를 넘습니다. 일부를 빼세요
ingress-host-taken = 다른 테넌트가 이미 호스트 { $host }을(를) 사용합니다. 다른 ingress.host를 선택하세요
ingress-host-of-another = { $host }은(는) 테넌트 { $owner }의 호스트입니다. 빼거나 { $domain } 아래가 아닌 호스트를 선택하세요
