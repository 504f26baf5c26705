//! Schemas, drawn from bytes: each byte is a decision.

/// The schema's JSON; nearly always one that can be parsed.
pub fn schema(decisions: &[u8]) -> String {
    drawn(decisions, false)
}

/// The same, whose records have their fields the other way round: none that can be parsed, if one field
/// names a type that another defines.
pub fn turned(decisions: &[u8]) -> String {
    drawn(decisions, true)
}

fn drawn(decisions: &[u8], turned: bool) -> String {
    let mut draw = Draw {
        turned,
        decisions: decisions.iter(),
        names: 0,
        defined: Vec::new(),
        depth: 0,
    };
    draw.ty()
}

struct Draw<'a> {
    turned: bool,
    decisions: std::slice::Iter<'a, u8>,
    names: usize,
    defined: Vec<String>,
    depth: usize,
}

const PRIMITIVES: [(&str, &str); 8] = [
    ("null", "null"),
    ("boolean", "true"),
    ("int", "1"),
    ("long", "-1"),
    ("float", "0.5"),
    ("double", "2"),
    ("bytes", "\"\\u00ff\""),
    ("string", "\"x\""),
];

impl Draw<'_> {
    fn next(&mut self, below: usize) -> usize {
        self.decisions.next().map_or(0, |byte| usize::from(*byte)) % below
    }

    fn ty(&mut self) -> String {
        if self.depth > 12 {
            return "\"int\"".to_owned();
        }
        self.depth += 1;
        let ty = match self.next(20) {
            primitive @ 0..8 => format!("\"{}\"", PRIMITIVES[primitive].0),
            8 | 9 => format!(r#"{{"type":"array","items":{}}}"#, self.ty()),
            10 => format!(r#"{{"type":"map","values":{}}}"#, self.ty()),
            11..14 => self.union(),
            14 => self.symbols(),
            15 => {
                let (name, size) = (self.name(), self.next(5));
                format!(r#"{{"type":"fixed",{name},"size":{size}}}"#)
            }
            16 => r#"{"type":"long","logicalType":"timestamp-micros"}"#.to_owned(),
            17 if !self.defined.is_empty() => {
                let index = self.next(self.defined.len());
                format!("\"{}\"", self.defined[index])
            }
            _ => self.record(),
        };
        self.depth -= 1;
        ty
    }

    /// `"name": …`, of a type that is defined from now on, now and then in a namespace or renamed.
    fn name(&mut self) -> String {
        self.names += 1;
        let (own, how) = (self.names, self.next(16));
        let full = if how == 1 {
            format!("n.T{own}")
        } else {
            format!("T{own}")
        };
        let full = if how == 2 { format!("U{own}") } else { full };
        self.defined.push(full.clone());
        match how {
            2 => format!(r#""name":"{full}","aliases":["T{own}"]"#),
            _ => format!(r#""name":"{full}""#),
        }
    }

    fn union(&mut self) -> String {
        let branches: Vec<_> = (0..self.next(4)).map(|_| self.ty()).collect();
        format!("[{}]", branches.join(","))
    }

    fn symbols(&mut self) -> String {
        let name = self.name();
        let count = 1 + self.next(4);
        let symbols = ["\"A\"", "\"B\"", "\"C\"", "\"D\""];
        let start = self.next(2).min(4 - count);
        let symbols = &symbols[start..start + count];
        let default = match self.next(3) {
            0 => format!(r#","default":{}"#, symbols[0]),
            _ => String::new(),
        };
        format!(
            r#"{{"type":"enum",{name},"symbols":[{}]{default}}}"#,
            symbols.join(",")
        )
    }

    fn record(&mut self) -> String {
        let name = self.name();
        let mut fields: Vec<_> = (0..self.next(6)).map(|index| self.field(index)).collect();
        if self.turned {
            fields.reverse();
        }
        format!(
            r#"{{"type":"record",{name},"fields":[{}]}}"#,
            fields.join(",")
        )
    }

    fn field(&mut self, index: usize) -> String {
        match self.next(8) {
            0 | 1 => {
                let (ty, default) = PRIMITIVES[self.next(8)];
                format!(r#"{{"name":"d{index}","type":"{ty}","default":{default}}}"#)
            }
            2 => format!(
                r#"{{"name":"g{index}","aliases":["f{index}"],"type":{}}}"#,
                self.ty()
            ),
            3 => format!(
                r#"{{"name":"l{index}","type":{},"default":[]}}"#,
                self.list()
            ),
            _ => format!(r#"{{"name":"f{index}","type":{}}}"#, self.ty()),
        }
    }

    fn list(&mut self) -> String {
        format!(r#"{{"type":"array","items":{}}}"#, self.ty())
    }
}
