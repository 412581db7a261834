## Pydantic's errors, by type. Parameters are their context.

value-missing = 필수 항목입니다
value-int_type = 정수여야 합니다
value-int_parsing = 정수여야 합니다
value-int_from_float = 정수여야 합니다
value-float_type = 숫자여야 합니다
value-float_parsing = 숫자여야 합니다
value-finite_number = 유한한 숫자여야 합니다
value-bool_type = true 또는 false여야 합니다
value-bool_parsing = true 또는 false여야 합니다
value-string_type = 문자열이어야 합니다
value-string_too_short = { $min_length }자 이상이어야 합니다
value-string_too_long = { $max_length }자 이하여야 합니다
value-dict_type = 객체여야 합니다
value-model_attributes_type = 객체여야 합니다
value-list_type = 목록이어야 합니다
value-literal_error = 가능한 값: { $expected }
value-greater_than = { $gt }보다 커야 합니다
value-greater_than_equal = { $ge } 이상이어야 합니다
value-less_than = { $lt }보다 작아야 합니다
value-less_than_equal = { $le } 이하여야 합니다
value-too_short = { $min_length }개 이상이어야 합니다
value-too_long = { $max_length }개 이하여야 합니다

## Errors of our own validators, in the same form.

value-not_a_tenant_id = 영문 소문자, 숫자, '-'로 된 1~50자여야 하며 처음과 끝은 문자나 숫자여야 합니다
value-reserved = { $value }은(는) 예약된 ID입니다. 다른 ID를 쓰세요
value-not_a_duration = { $value }은(는) 시간이 아닙니다. 150ms, 30s, 5m, 1h처럼 양수와 단위를 쓰세요
value-duration_out_of_range = { $value }은(는) 1ms에서 168h 사이여야 합니다
value-not_an_availability = { $value }은(는) 가용성이 아닙니다. 99.9%처럼 0%보다 크고 100%보다 작은 백분율을 쓰세요
value-not_a_time_zone = { $value }은(는) 시간대가 아닙니다. Asia/Seoul이나 UTC처럼 IANA 이름을 쓰세요
value-invisible_characters = 제어 문자나 보이지 않는 서식 문자를 쓸 수 없습니다
value-blank = 비워 둘 수 없습니다
value-not_a_date = 2026-01-31처럼 연-월-일로 쓰세요
value-not_an_address = http:// 또는 https://로 시작하는 주소를 사용자와 비밀번호 없이 쓰세요
value-not_a_moment = 2026-01-31T09:30:00Z처럼 날짜 또는 날짜와 시각을 쓰세요
value-no_sessions = 세션이 1개 이상인 서비스가 하나 이상 있어야 합니다
value-not_a_number = 숫자여야 합니다
value-too_far_from_zero = 절댓값이 { $largest } 이하여야 합니다
value-in_the_future = 미래의 시각입니다. { $now }보다 최대 { $minutes }분까지 앞설 수 있습니다
value-ten_years_ago = 너무 오래된 시각입니다. 최대 10년 전까지 가능합니다
value-before_the_retention = 너무 오래된 시각입니다. 표본은 RETENTION_DAYS에 따라 { $days }일 동안 보관되므로 { $oldest } 이후여야 합니다

## Services, presets and GPU types of the catalogue.

requirements-empty = 서비스를 하나 이상 지정하세요. 가능한 서비스: { $known }
sessions-not-a-number = 세션 수는 정수여야 합니다. 받은 값: { $found }
sessions-out-of-range = 세션 수는 1에서 { $most } 사이여야 합니다. 받은 값: { $sessions }
sessions-far-out-of-range = 세션 수는 1에서 { $most } 사이여야 합니다
name-unknown =
    알 수 없는 { $field ->
        [service] 서비스
        [preset] 프리셋
       *[gpu_type] GPU 종류
    }입니다: { $found }. 가능한 값: { $known }
name-misspelt =
    알 수 없는 { $field ->
        [service] 서비스
        [preset] 프리셋
       *[gpu_type] GPU 종류
    }입니다: { $found }. 혹시 { $close }인가요? 가능한 값: { $known }

## The body, headers and single fields of a request.

errors-left-out = (외 { $count }건)
body-missing = JSON 본문이 필요합니다
body-unreadable = 본문을 JSON으로 읽을 수 없습니다. 중첩이 너무 깊거나 숫자가 너무 길지 않은지 확인하세요
json-broken = { $line }행 { $column }열의 JSON이 올바르지 않습니다: { $reason }
json-unusable = 사용할 수 없는 JSON입니다: { $reason }
request-id-unusable = 1~128자의 영문자, 숫자, . _ : / + = @ - 여야 하며 영문자나 숫자로 시작해야 합니다
idempotency-key-unusable = 출력 가능한 ASCII 문자 1~{ $most }자여야 합니다
nothing-to-change = 바꿀 것이 없습니다. 다음 중 하나 이상을 보내세요: { $fields }
field-unknown = 알 수 없는 필드입니다. 가능한 필드: { $known }
field-misspelt = 알 수 없는 필드입니다. 혹시 { $close }인가요? 가능한 필드: { $known }
field-of-no-body = 이 호출에는 필드가 없습니다. 본문 없이 보내세요
field-namespace = 테넌트의 네임스페이스는 항상 ecp-ai-<tenant_id>입니다. 이 필드를 빼세요
target-unknown = { $target }은(는) { $mode } 모드에 없습니다. 가능한 값: { $possible }
one-of = 가능한 값: { $allowed }
namespace-unusable = 영문 소문자, 숫자, '-'로 된 1~63자여야 하며 처음과 끝은 문자나 숫자여야 합니다
namespace-reserved = '{ $namespace }'은(는) 클러스터나 플랫폼, 다른 테넌트의 네임스페이스입니다. '{ $own }' 또는 { $prefixes }(으)로 시작하지 않고 { $reserved }이(가) 아닌 이름을 쓰세요
too-many-points = { $hours }시간 동안의 { $interval } 간격은 { $most }개보다 많습니다. { $coarser }metric_type으로 지표 하나 또는 더 짧은 시간을 요청하세요
metric-unknown = 알 수 없는 지표입니다: { $found }. 가능한 지표: { $known }
metric-misspelt = 알 수 없는 지표입니다: { $found }. 혹시 { $close }인가요? 가능한 지표: { $known }
list-too-long = 목록은 최대 { $points }개, { $bytes }바이트입니다. 여러 번에 나누어 보내세요
no-partition = monitoring_data에 이 시각의 파티션이 없고, 직접 만든 파티션이 그날의 일부를 차지합니다. 나머지 시간의 파티션을 CREATE TABLE ... PARTITION OF monitoring_data로 만드세요

## Periods and maintenance windows.

period-unknown = { $name }은(는) 기간이 아닙니다. day, week, month 또는 24h, 7d, 30d 같은 시간이나 일수를 쓰세요
period-too-long = { $name }은(는) 너무 깁니다. 최대 { $days }d입니다
period-with-a-date = 이 기간은 지금 끝납니다. date를 빼거나 day, week, month를 쓰세요
day-out-of-range = { $day }은(는) 달력의 범위를 벗어납니다
window-in-the-past = 이미 지났습니다. 점검은 시작하기 전에 알려야 하며, 그렇지 않으면 중단 시간입니다
window-ends-first = start보다 뒤여야 합니다
window-too-long = start보다 { $days }일 넘게 뒤입니다
window-not-found = 취소할 점검 { $window }이(가) 없습니다. 끝나지 않은 점검만 취소할 수 있습니다
