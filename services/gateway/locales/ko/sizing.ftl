### What the calculator explains: why there are so many replicas, warnings, and alternatives.

## The reason for a number of replicas, in parts.

load =
    { $per ->
        [session] 세션 { $sessions }개의 { $amount } { $unit }
       *[none] { $amount } { $unit }
    }{ $offered ->
        [erlangs] ({ $erlangs } 얼랑)
       *[none] { "" }
    }, { $holder ->
        [replica] 레플리카
       *[gpu] { $holder }
    }당 { $carried }: { $replicas }개
raised-by-blocking = 빈 자리가 없어 거절되는 세션이 { $share } 이하가 되도록 { $replicas }개
raised-by-waiting = 기다리는 요청이 { $share } 이하가 되도록 { $replicas }개
raised-by-response-time = { $time }를 넘는 응답이 { $share } 이하가 되도록 { $replicas }개
raised-by-availability = 시간의 { $percent } 동안 { $needed }개가 동작하도록 { $replicas }개
raised-to-the-minimum = 최소 개수이므로 { $replicas }개
capacity-estimated = 용량은 추정치입니다

## Warnings.

preset-too-small = 프리셋 { $preset }은(는) { $bound }채널용인데 이 부하는 { $channels }채널입니다. 부하에 맞춰 산정했으며 늘어날 여유는 없습니다. 알맞은 프리셋은 { $fitting }입니다.
preset-below-target =
    프리셋 { $preset }의 기준은 { $missed ->
        [availability] 가용성 { $availability }(목표 { $target_availability })
        [response-time] 응답 시간 { $response_time }(목표 { $target_response_time })
       *[both] 가용성 { $availability }(목표 { $target_availability }), 응답 시간 { $response_time }(목표 { $target_response_time })
    }입니다. 목표에 맞춰 산정했습니다.
gpu-unused = 이 테넌트에는 GPU를 쓰는 서비스가 없어 { $gpu_type }은(는) 제외했습니다.
users-fewer-than-sessions = 동시 사용자 { $users }명이 요청한 세션보다 적습니다: { $services }은(는) 그 인원으로 가능한 가장 불리한 조합에 맞춰 산정했습니다.
service-unmeasured = { $service }은(는) { $gpu_type }에서 측정된 적이 없어 용량은 추정치입니다.
gpus-shared = { $sharing } 방식으로 GPU를 공유할 때의 산정입니다. 테넌트는 GPU 전체 단위로 배포됩니다.

## Alternatives: what differs.

other-preset = { $channels }채널(현재 { $own }채널의 { $factor }배), { $availability }, { $response_time } 기준
everything-on-a-gpu = 모두 { $gpu_type } 사용
other-availability = 가용성 목표 { $target } 대신 { $availability }
queue-unbounded = 최대 부하에서 요청이 끝없이 쌓입니다
p95-changed = p95 { $before } ms → { $after } ms
blocking-changed = 가장 바쁜 시간에 거절되는 세션 { $before } → { $after }
availability-changed = 가용성 { $before } → { $after }
cost-unchanged = 비용 동일
cost-changed =
    월 ${ $amount } { $direction ->
        [more] 증가
       *[less] 절감
    }

## Recommended requests.

cpu-unsampled = 표본이 없어 현재와 같습니다
cpu-p95 = 표본 { $count }개의 p95가 { $used } m입니다
memory-unsampled = 표본이 없어 현재 한도와 같습니다
memory-maximum = 표본 { $count }개의 최댓값 { $most } MiB에 15 %를 더했습니다
memory-after-oom =
    메모리 { $limit } MiB에서 { $ooms }번 강제 종료되었습니다: { $raised ->
        [factor] 그 1.2배
       *[amount] { $mib } MiB 추가
    }
few-samples = { $service }: CPU 표본이 { $few }개보다 적어 p95가 표본의 최댓값입니다.

## What can't be sized.

response-time-too-short = { $service }은(는) 대기가 없어도 { $holder }에서 p95가 { $own }입니다. response_time은 이보다 길어야 합니다
gpu-unmeasured =
    { $service }은(는) { $gpu_type ->
        [any] 맞는 GPU
       *[named] { $gpu_type }
    }에서 측정된 적이 없습니다. 측정된 GPU: { $known }
services-unmeasured =
    { $gpu_type }에서 측정되지 않은 서비스: { $services }. 모두 측정된 GPU: { $candidates ->
        [none] 없음
       *[some] { $candidates }
    }
services-foreign = { $services }은(는) 이 테넌트의 서비스가 아닙니다. 이 테넌트의 서비스: { $known }
usage-empty = 근거가 되는 값이 없습니다. 서비스 하나 이상의 사용량을 보내세요
usage-unmeasured = 최근 { $hours }시간 동안 { $tenant_id }의 측정값이 없습니다. 서비스별 `usage`를 보내세요
