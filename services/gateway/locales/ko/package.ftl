## The README of a package.

package-title = 테넌트 { $tenant_id }, 리비전 { $revision }
package-content = 네임스페이스 { $namespace }의 오브젝트 { $objects }개입니다. 매니페스트 { $digest }에서 만들었습니다.
package-apply = 적용
package-order = manifests/의 파일은 적용 순서대로 번호가 붙어 있습니다. 제한이 먼저, 그다음이 실행되는 것, 마지막이 외부에 공개하는 것입니다.
package-secrets = 이 패키지에는 비밀 값이 없습니다. 서비스에 필요하면 클러스터에서 Secret ecp-ai-credentials를 채우세요.
package-report = 결과는 POST /api/v1/tenants/{ $tenant_id }/deployment-status에 status와 deployed_at으로 알려 주세요.
package-deployed = 오케스트레이터가 배포한 테넌트에는 필요하지 않습니다. 직접 적용하면 드리프트로 표시됩니다.
package-checks = 검사
package-resources = 파드 { $pods }개, CPU { $cpu }, 메모리 { $memory }, GPU { $gpu }개, 비용 약 { $cost }.
package-findings = Kubernetes { $version } 기준 오류 { $errors }건, 경고 { $warnings }건입니다. 전체 목록은 checks/validation.json에 있습니다.
