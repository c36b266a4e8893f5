//! Why an exchange failed. Messages name the provider, its host and port at most: never a path, a query or a header.

use std::error::Error;
use std::io;

use brains_core::fault::FaultCause;
use brains_core::{Fault, FaultKind, Origin};

use crate::peer::Peer;
use crate::resolve::{NoAddress, PrivateAddress};

/// What was being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The status line.
    Head,
    /// The next piece of the body.
    Gap,
    /// The end of everything.
    Total,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The exchange was not sent: it asked for something that it may not have.
    #[error("{what}")]
    Refused { what: String },
    #[error("the name of {peer} could not be resolved")]
    Dns { peer: Peer },
    #[error("{peer} could not be reached")]
    Connect { peer: Peer, cause: FaultCause },
    #[error("no trusted TLS connection to {peer}")]
    Tls { peer: Peer, cause: FaultCause },
    #[error("{}", waited(peer, *phase))]
    Timeout { peer: Peer, phase: Phase },
    #[error("{peer} closed the connection before its answer was whole")]
    Reset { peer: Peer, cause: FaultCause },
    #[error("{peer} redirected to another origin")]
    Redirect { peer: Peer },
    #[error("{peer} answered with more than {limit_bytes} bytes")]
    TooLarge { peer: Peer, limit_bytes: usize },
    #[error("{peer} did not answer in its protocol")]
    Protocol { peer: Peer, cause: FaultCause },
    #[error("{peer} compressed its answer in a way that was not asked for and is not known")]
    Coding { peer: Peer },
    /// This machine's own doing.
    #[error("the client could not be set up: {what}")]
    Setup { what: String },
}

fn waited(peer: &Peer, phase: Phase) -> String {
    match phase {
        Phase::Head => format!("{peer} did not answer in time"),
        Phase::Gap => format!("{peer} fell silent in the middle of its answer"),
        Phase::Total => format!("the answer of {peer} was not whole in time"),
    }
}

impl EgressError {
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into() }
    }

    /// What the transport said, which may name addresses: for the log.
    fn cause(&self) -> FaultCause {
        match self {
            Self::Connect { cause, .. }
            | Self::Tls { cause, .. }
            | Self::Reset { cause, .. }
            | Self::Protocol { cause, .. } => cause.clone(),
            Self::Refused { .. }
            | Self::Dns { .. }
            | Self::Timeout { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Coding { .. }
            | Self::Setup { .. } => FaultCause::default(),
        }
    }

    /// As the request's fault.
    pub fn to_fault(&self) -> Fault {
        Fault { cause: self.cause(), ..self.without_cause() }
    }

    fn without_cause(&self) -> Fault {
        let upstream = |kind: FaultKind| Fault::new(kind, Origin::Upstream, self.to_string());
        match self {
            Self::Refused { .. } => Fault::new(FaultKind::Plugin, Origin::Component, self.to_string())
                .code("egress_refused")
                .failover(),
            // With no time left nobody else can answer either.
            Self::Timeout { phase: Phase::Total, .. } => upstream(FaultKind::Timeout),
            Self::Timeout { phase: Phase::Head | Phase::Gap, .. } => upstream(FaultKind::Timeout).failover(),
            Self::Dns { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Reset { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Coding { .. }
            | Self::Protocol { .. } => upstream(FaultKind::Upstream).failover(),
            Self::Setup { .. } => Fault::internal(self.to_string()),
        }
    }

    /// Sorts a transport error by what lies beneath it.
    pub(crate) fn of(error: reqwest::Error, peer: &Peer) -> Self {
        let peer = peer.clone();
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        let mut tls = false;
        let mut reset = false;
        while let Some(error) = cause {
            if error.is::<PrivateAddress>() {
                return Self::refused(format!(
                    "`{}` leads to a private address, which nobody granted",
                    peer.host()
                ));
            }
            if error.is::<NoAddress>() {
                return Self::Dns { peer };
            }
            if error.is::<rustls::Error>() {
                tls = true;
                break;
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                if is_tls(error) {
                    tls = true;
                    break;
                }
                reset |= matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::UnexpectedEof
                );
            }
            if let Some(error) = error.downcast_ref::<hyper::Error>() {
                reset |= error.is_incomplete_message() || error.is_closed() || error.is_canceled();
                // It was asked for a sign of life and gave none.
                reset |= error.is_timeout();
            }
            cause = error.source();
        }
        let connecting = error.is_connect();
        let cause = FaultCause::new(error.without_url());
        if tls {
            Self::Tls { peer, cause }
        } else if connecting {
            Self::Connect { peer, cause }
        } else if reset {
            Self::Reset { peer, cause }
        } else {
            Self::Protocol { peer, cause }
        }
    }
}

/// I/O errors wrap one another, and hide what they wrap from `source`.
fn is_tls(error: &io::Error) -> bool {
    let Some(inner) = error.get_ref() else { return false };
    inner.downcast_ref::<rustls::Error>().is_some() || inner.downcast_ref::<io::Error>().is_some_and(is_tls)
}
