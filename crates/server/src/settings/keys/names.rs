//! What settings are called, and where they come from.

pub(crate) const LISTEN: &str = "listen";
pub(crate) const UNIX_SOCKET_MODE: &str = "unix_socket_mode";
pub(crate) const TLS_CERT_FILE: &str = "tls_cert_file";
pub(crate) const TLS_KEY_FILE: &str = "tls_key_file";
pub(crate) const DATABASE_URL: &str = "database_url";
pub(crate) const DATABASE_MAX_CONNECTIONS: &str = "database_max_connections";
pub(crate) const SECRET_KEY_FILE: &str = "secret_key_file";
pub(crate) const STATE_DIR: &str = "state_dir";
pub(crate) const MOUNT_DIR: &str = "mount_dir";
pub(crate) const MOUNTING: &str = "mounting";
pub(crate) const UNMOUNT_AT_STOP: &str = "unmount_at_stop";
pub(crate) const TEMPLATE_EXTENSIONS: &str = "template_extensions";
pub(crate) const IGNORED_DIRECTORIES: &str = "ignored_directories";
pub(crate) const MOUNT_DEADLINE: &str = "mount_deadline";
pub(crate) const TEST_DEADLINE: &str = "test_deadline";
pub(crate) const SCAN_DEADLINE: &str = "scan_deadline";
pub(crate) const WATCH_INTERVAL: &str = "watch_interval";
pub(crate) const SCAN_INTERVAL: &str = "scan_interval";
pub(crate) const SHUTDOWN_DEADLINE: &str = "shutdown_deadline";
pub(crate) const ALLOW_NETWORKS: &str = "allow_networks";
pub(crate) const DENY_NETWORKS: &str = "deny_networks";
pub(crate) const ISCSI_INITIATOR_NAME: &str = "iscsi_initiator_name";
pub(crate) const AUTH: &str = "auth";
pub(crate) const JWT_HS256_SECRET_FILE: &str = "jwt_hs256_secret_file";
pub(crate) const JWT_JWKS_FILE: &str = "jwt_jwks_file";
pub(crate) const JWT_ISSUER: &str = "jwt_issuer";
pub(crate) const JWT_AUDIENCE: &str = "jwt_audience";
pub(crate) const JWT_ROLE_CLAIM: &str = "jwt_role_claim";
pub(crate) const JWT_ROLES: &str = "jwt_roles";
pub(crate) const CORS_ORIGINS: &str = "cors_origins";
pub(crate) const RATE_LIMIT: &str = "rate_limit";
pub(crate) const RATE_BURST: &str = "rate_burst";
pub(crate) const FAILED_LOGINS: &str = "failed_logins";
pub(crate) const TESTS_PER_CLIENT: &str = "tests_per_client";
pub(crate) const MAX_CONNECTIONS: &str = "max_connections";
pub(crate) const AUDIT_RETENTION: &str = "audit_retention";
pub(crate) const HTTP_WORKERS: &str = "http_workers";
pub(crate) const LOG_FORMAT: &str = "log_format";
pub(crate) const LOG_LEVEL: &str = "log_level";

/// Where the file lies that is read where none is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/pureboot-storage/config.toml";
/// Names the file.
pub(crate) const FILE_ENV: &str = "PUREBOOT_STORAGE_CONFIG";
/// Begins every environment variable of this service.
pub(crate) const ENV_PREFIX: &str = "PUREBOOT_STORAGE_";
/// Holds the keys of secrets themselves; no flag and no file does.
pub(crate) const SECRET_KEY_ENV: &str = "PUREBOOT_STORAGE_SECRET_KEY";
/// The variable for the database that other programs share.
pub(crate) const SHARED_DATABASE_ENV: &str = "DATABASE_URL";

/// The default of what is not set.
pub(crate) const NONE: &str = "none";
