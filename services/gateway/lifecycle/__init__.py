"""Operations on an existing tenant: deploy, rollback, start, stop and restart."""
