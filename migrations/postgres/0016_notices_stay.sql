-- What people were shown stays as it was: the service adds versions and never changes or removes one.
REVOKE UPDATE, DELETE ON notice, notice_translation FROM sayso_service;
