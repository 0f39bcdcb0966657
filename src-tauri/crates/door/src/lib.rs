//! The HTTP door: the one place where strangers' bytes become requests.
//!
//! A door listens, admits connections within limits, reads one whole request by strict rules and
//! an absolute deadline, hands it to a handler and sends the answer. It knows nothing of routes,
//! signatures or payments, and the handler knows nothing of sockets.
//!
//! How a request comes in (each step is a module):
//!
//! ```text
//! Door (accept, limits) ─ admission (who is here, whom to evict) ─ connection
//!    └ gate: bytes → framing (head, body) → a whole Request, or a refusal
//!         └ handler → Answer → hyper writes it
//! ```
//!
//! Framing is decided on the raw bytes by [`framing`], because lenient parsing is what smuggling
//! lives on; hyper is told only what was decided, and does the answering half of the protocol.

mod admission;
mod answer;
mod connection;
mod counters;
mod door;
mod framing;
mod gate;
mod limits;
mod refusal;
mod request;
mod transport;

pub use answer::{Answer, Tunnel};
pub use counters::Counters;
pub use door::{Door, DoorError, Entrance, Meter};
pub use limits::{Keep, Limits, RefusalBody, Refused};
pub use refusal::Refusal;
pub use request::{Answered, Request};
pub use transport::{Transport, Wire};
