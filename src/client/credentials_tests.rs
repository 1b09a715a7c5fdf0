//! Credentials, file by file.
