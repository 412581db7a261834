## Alerts of other systems.

outside-alert = { $name } 알림이 발생했습니다
outside-alert-text = 알림 { $name }: { $text }
alert-is-ours = 이 시스템이 Alertmanager에 보낸 알림이므로 이미 기록되어 있습니다
alert-without-tenant = tenant_id 레이블이 없습니다. 알림 규칙에 추가하세요
alert-of-another-mode = { $mode } 모드의 알림인데, 볼 수 있는 테넌트는 { $own } 모드의 것입니다. X-Demo-Mode 헤더와 함께 보내십시오
alert-of-no-tenant = 테넌트 { $tenant }이(가) 없습니다
alert-without-name = alertname 레이블은 보이는 문자 1~{ $most }자여야 합니다
alert-of-the-future = startsAt이 미래 시각입니다. 보낸 시스템의 시계를 확인하세요

## Recoveries of tenants that are down.

recovery-begun = 복구를 시작합니다. 테넌트를 재시작할 예정입니다
recovery-restarted = { $number }번째 재시작을 요청했습니다
recovery-waits = 다른 작업이 진행 중이므로 끝난 뒤 테넌트를 다시 확인합니다
recovery-down = 테넌트가 아직 중단 상태이므로 다시 재시작합니다
recovery-unmeasured = 테넌트의 가동 여부가 측정되지 않아 다시 확인합니다
recovery-recovered = 테넌트가 다시 가동됩니다
recovery-closed = 복구를 결과 없이 마칩니다
recovery-escalated = 복구를 담당자에게 넘깁니다. 조치가 필요합니다
recovery-failed = 복구하지 못했습니다
recovery-ended = 테넌트가 중지되었거나 삭제되었습니다
recovery-off = 재시작이 꺼져 있습니다 (RECOVERY_ATTEMPTS=0)
recovery-spent = { $minutes }분 동안 { $restarts }번 재시작했지만 아직 중단 상태입니다
recovery-unknown = 가동 여부가 측정되지 않습니다
recovery-still-down = 아직 중단 상태이고, 다른 작업 때문에 재시작할 차례가 없었습니다
recovery-unanswered = 재시작 요청에 응답하는 게이트웨이가 없습니다
