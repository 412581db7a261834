### Receivers of notifications.

receiver-url-text = 인쇄 가능한 ASCII 문자 { $most }자 이하의 URL이어야 합니다. 그 밖의 문자는 %XX로 인코딩하세요
receiver-url-form = https://hooks.example.com/alerts 와 같은 URL이어야 합니다
receiver-url-user = 사용자나 비밀번호를 포함할 수 없습니다. 비밀로 보관되는 `authorization`으로 지정하세요
receiver-url-number = 호스트는 이름이거나 203.0.113.7 과 같은 주소여야 합니다
receiver-url-private = 사설, 루프백, 링크 로컬 또는 메타데이터 주소로 연결될 수 없습니다. 공개 주소를 사용하세요
receiver-email = 이름이나 줄바꿈이 없는 oncall@example.com 과 같은 이메일 주소여야 합니다
