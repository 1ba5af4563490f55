-- What people were shown stays as it was: the service adds versions and never changes or removes one.
CREATE TRIGGER notice_unchanged BEFORE UPDATE ON notice
BEGIN SELECT RAISE(ABORT, 'a notice is never changed'); END;
CREATE TRIGGER notice_stays BEFORE DELETE ON notice
BEGIN SELECT RAISE(ABORT, 'a notice is never removed'); END;
CREATE TRIGGER notice_translation_unchanged BEFORE UPDATE ON notice_translation
BEGIN SELECT RAISE(ABORT, 'a notice is never changed'); END;
CREATE TRIGGER notice_translation_stays BEFORE DELETE ON notice_translation
BEGIN SELECT RAISE(ABORT, 'a notice is never removed'); END;
