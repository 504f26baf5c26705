//! A small aggregate for this crate's own examples and tests.

#![allow(missing_docs)]

use factum_core::{Aggregate, DecodeError, Event, Recorded};
use factum_projector::{Fold, Row};

#[derive(Debug, Default)]
pub struct Light {
    on: bool,
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LightEvent {
    TurnedOn,
    TurnedOff,
    Burst,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Aggregate for Light {
    type Command = Switch;
    type Event = LightEvent;
    type Rejection = Broken;

    fn decide(&self, command: Switch) -> Result<Vec<LightEvent>, Broken> {
        match command {
            _ if self.broken => Err(Broken),
            Switch::On if !self.on => Ok(vec![LightEvent::TurnedOn]),
            Switch::Off if self.on => Ok(vec![LightEvent::TurnedOff]),
            _ => Ok(vec![]),
        }
    }

    fn apply(&mut self, event: &LightEvent) {
        match event {
            LightEvent::TurnedOn => self.on = true,
            LightEvent::TurnedOff => self.on = false,
            LightEvent::Burst => self.broken = true,
        }
    }
}

impl Event for LightEvent {
    const AGGREGATE: &'static str = "home.light";

    fn name(&self) -> &'static str {
        match self {
            Self::TurnedOn => "TurnedOn",
            Self::TurnedOff => "TurnedOff",
            Self::Burst => "Burst",
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        match value {
            [0] => Ok(Self::TurnedOn),
            [1] => Ok(Self::TurnedOff),
            [2] => Ok(Self::Burst),
            _ => Err(DecodeError::new("not an event of a light")),
        }
    }
}

/// A lamp that burns, and how often it was turned on since it was last turned off.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "burning")]
pub struct Burning {
    #[row(key)]
    pub lamp: String,
    pub times: i64,
}

#[derive(Debug)]
pub struct Lamps;

impl Fold for Lamps {
    type Event = LightEvent;
    type Row = Burning;
    const NAME: &'static str = "burning";

    fn key(&self, event: &Recorded<LightEvent>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<Burning>, event: &Recorded<LightEvent>) -> Option<Burning> {
        let times = row.map_or(0, |row| row.times);
        let lamp = event.id.clone();
        (event.event == LightEvent::TurnedOn).then_some(Burning {
            lamp,
            times: times + 1,
        })
    }
}
