//! Coordinators of transactions and groups: finding them, and requests that find them again when they have moved.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::{Request, StrBytes};
use std::time::Duration;

use crate::address::Address;
use crate::client::{Client, CoordinatorKind};
use crate::error::{Error, ErrorKind, Place, Result};

/// Version 4 asks for several at a time; both forms are understood.
const FIND_VERSIONS: (i16, i16) = (1, 4);
const SEVERAL_FROM: i16 = 4;

/// The pause while the transaction before is still being ended, which takes milliseconds.
const CONCURRENT_PAUSE: Duration = Duration::from_millis(5);

impl Client {
    /// A request to the coordinator of `key`, as often as it takes. `code_of` tells the first error in an answer.
    ///
    /// # Errors
    /// What cannot be helped.
    pub(crate) async fn call_coordinator<R: Request>(
        &self,
        (kind, key): (CoordinatorKind, &str),
        versions: (i16, i16),
        request: &R,
        code_of: impl Fn(&R::Response) -> Option<ResponseError>,
    ) -> Result<R::Response> {
        let mut failures = 0;
        loop {
            let address = self.coordinator(kind, key).await?;
            let error = match self.call(&address, versions, request).await {
                Ok(response) => match code_of(&response) {
                    None => return Ok(response),
                    Some(code) => Error::Broker { place: address.place(), code },
                },
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Retry => {}
                ErrorKind::RefreshMetadata => self.forget_coordinator(kind, key),
                ErrorKind::Fatal | ErrorKind::Fenced => return Err(error),
            }
            if matches!(&error, Error::Broker { code: ResponseError::ConcurrentTransactions, .. }) {
                tokio::time::sleep(CONCURRENT_PAUSE).await;
                continue;
            }
            failures += 1;
            self.pause(failures, &error).await;
        }
    }

    /// Where the coordinator of `key` is.
    pub(crate) async fn coordinator(&self, kind: CoordinatorKind, key: &str) -> Result<Address> {
        if let Some(address) = self.known_coordinator(kind, key) {
            return Ok(address);
        }
        let mut failures = 0;
        loop {
            let error = match self.find_coordinator(kind, key).await? {
                Ok(address) => {
                    self.note_coordinator(kind, key, &address);
                    return Ok(address);
                }
                Err(code) => Error::Broker { place: Place::default(), code },
            };
            if matches!(error.kind(), ErrorKind::Fatal | ErrorKind::Fenced) {
                return Err(error);
            }
            failures += 1;
            self.pause(failures, &error).await;
        }
    }

    async fn find_coordinator(&self, kind: CoordinatorKind, key: &str) -> Result<Result<Address, ResponseError>> {
        let key = StrBytes::from_string(key.to_owned());
        let request = FindCoordinatorRequest::default().with_key_type(kind as i8);
        // Each form encodes only in its own versions, and which of them the broker has shows when it is asked.
        let several = request.clone().with_coordinator_keys(vec![key.clone()]);
        let found = match self.call_any((SEVERAL_FROM, FIND_VERSIONS.1), &several).await {
            Ok(response) => response.coordinators.into_iter().next().map(|it| (it.error_code, it.host, it.port)),
            Err(Error::UnsupportedVersion { .. }) => {
                let response = self.call_any((FIND_VERSIONS.0, SEVERAL_FROM - 1), &request.with_key(key)).await?;
                Some((response.error_code, response.host, response.port))
            }
            Err(error) => return Err(error),
        };
        let (code, host, port) = found.ok_or_else(|| {
            Error::malformed(&Place::default(), "a broker was asked for a coordinator and answered nothing")
        })?;
        if let Some(code) = ResponseError::try_from_code(code) {
            return Ok(Err(code));
        }
        let port = u16::try_from(port).map_err(|_| Error::malformed(&Place::default(), "a port is impossible"))?;
        Ok(Ok(Address { host: host.to_string(), port }))
    }
}
