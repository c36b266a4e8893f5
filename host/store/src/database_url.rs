//! Which database a URL names.

use std::path::Path;

use crate::error::StoreError;

/// Where a URL points.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DatabaseUrl<'u> {
    File(&'u Path),
    Server(&'u str),
}

impl<'u> DatabaseUrl<'u> {
    pub(crate) fn parse(url: &'u str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Server(url));
        }
        let path = match url.split_once("://") {
            Some(("sqlite", path)) => path,
            Some(_) => {
                return Err(StoreError::Url { reason: "`db_url` names a database that is not spoken here" });
            }
            None => url.strip_prefix("sqlite:").unwrap_or(url),
        };
        match path {
            "" => Err(StoreError::Url { reason: "`db_url` names no file" }),
            ":memory:" => {
                Err(StoreError::Url { reason: "`db_url` names memory: several connections share a database" })
            }
            path => Ok(Self::File(Path::new(path))),
        }
    }
}
