### Alert rules and alerts.

condition-too-long = { $most }자를 넘습니다. 규칙 두 개로 나누세요
condition-too-large = 비교가 { $count }개인데 최대 { $most }개까지 가능합니다. 규칙 두 개로 나누세요
condition-too-deep = 괄호가 { $most }단계를 넘게 중첩되었습니다. 규칙 두 개로 나누세요
condition-unit = { $metric }의 단위는 { $unit }이므로 { $found }와(과) 비교할 수 없습니다. 단위를 빼거나 { $unit }(으)로 쓰세요
condition-fraction = { $metric }은(는) 백분율입니다. { $found } 대신 { $meant }(으)로 쓰세요
condition-out-of-range = { $metric }은(는) 0부터 100까지의 백분율입니다. { $found }은(는) 범위를 벗어납니다
condition-incomplete = { $column }번째 글자에서 조건이 끝났습니다. 다음 중 하나가 필요합니다: { $possible }
condition-unexpected = { $column }번째 글자의 { $found }은(는) 올 수 없습니다. 다음 중 하나가 필요합니다: { $possible }
alert-rule-exists = 알림 규칙 { $alert_name }이(가) 이미 있습니다. PUT으로 변경하세요
alert-rules-full = 알림 규칙은 최대 { $most }개입니다. 먼저 하나를 삭제하세요
alert-test-too-large = 지표 { $metrics }개의 비교 { $comparisons }개에는 너무 깁니다. 최대 { $most }시간까지 가능합니다
alert-rule-not-found = 알림 규칙 { $name }이(가) 없습니다
alert-rule-renamed = 경로의 이름 { $name }과(와) 같거나 생략해야 합니다. 이름을 바꾸려면 규칙을 삭제하고 새로 추가하세요
alert-firing = { $name }: { $metric }이(가) { $value }입니다 (조건: { $condition }, 지속 시간: { $duration })
alert-without-data = { $name }: { $metric } 데이터가 없습니다 (조건: { $condition }, 지속 시간: { $duration })
alert-resolved = { $name } 해결됨: { $metric }이(가) { $value }이며 { $condition } 조건이 더 이상 성립하지 않습니다
alert-rule-gone = { $name } 해결됨: 규칙이 삭제되었거나 변경되었습니다
