### Receivers of notifications.

receiver-url-text = 인쇄 가능한 ASCII 문자 { $most }자 이하의 URL이어야 합니다. 그 밖의 문자는 %XX로 인코딩하세요
receiver-url-form = https://hooks.example.com/alerts 와 같은 URL이어야 합니다
receiver-url-user = 사용자나 비밀번호를 포함할 수 없습니다. 비밀로 보관되는 `authorization`으로 지정하세요
receiver-url-number = 호스트는 이름이거나 203.0.113.7 과 같은 주소여야 합니다
receiver-url-private = 사설, 루프백, 링크 로컬 또는 메타데이터 주소로 연결될 수 없습니다. 공개 주소를 사용하세요
receiver-recipients = email 유형의 수신자에만 지정할 수 있습니다
receiver-recipients-missing = 이메일 주소가 하나 이상 필요합니다
receiver-not-of-email = email 유형의 수신자에는 지정할 수 없습니다
receiver-url-missing = 이 유형의 수신자에는 URL이 필요합니다
receiver-tenants = 모드의 수신자에만 지정할 수 있습니다. 이 수신자는 해당 테넌트의 경보를 받습니다
receiver-escalation-self = 다른 수신자여야 합니다
receiver-escalation-unknown = 이 이름의 수신자가 없습니다. 먼저 만드세요
receiver-quiet-empty = 시작 시각과 달라야 합니다. 아무것도 보내지 않으려면 enabled를 false로 설정하세요
receiver-type = 변경할 수 없습니다. 다른 수신자를 만드세요
receiver-authorization-again = `url`이 다른 서버를 가리키므로 다시 지정해야 합니다. 아니면 다른 수신자를 만드세요
receiver-not-found = 수신자 { $receiver }이(가) 없습니다. 목록에서 이름을 확인하세요
receiver-exists = 수신자 { $receiver }이(가) 이미 있습니다. 변경하거나 다른 이름을 사용하세요
receiver-in-use = 수신자 { $receiver }이(가) 이 수신자로 상위 전달합니다. 먼저 그 수신자를 변경하세요
too-many-receivers = 수신자가 { $most }개입니다. 먼저 하나를 삭제하세요
receiver-email = 이름이나 줄바꿈이 없는 oncall@example.com 과 같은 이메일 주소여야 합니다
