//! The next parameters to try, by a tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and
//! Kégl, *Algorithms for hyper-parameter optimization*, 2011): what was good is told from what was not by
//! two densities, and what is much likelier under the first is tried next.

use rand::{Rng, RngExt};
use serde_json::{Map, Number, Value};

use crate::estimators::{Domain, Parameter, Search};

/// The share of what was tried that counts as good.
const GOOD: f64 = 0.1;
/// Before so many trials there is nothing to tell apart: parameters are drawn evenly.
const FEWEST: usize = 6;
/// The share of a density that is even over everything. The same for what was good and what was not: where
/// nothing was tried neither is likelier.
const EVEN: f64 = 0.1;
/// So many are drawn from what was good, and the likeliest of them is tried. More of them would look for
/// where little was tried rather than for where it was good.
const DRAWS: usize = 4;
/// Densities are no narrower than this share of a range, lest the search stand still.
const NARROWEST: f64 = 0.1;

/// Parameters that were tried, and how good they were: the larger the better.
pub(super) struct Tried<'a> {
    pub(super) params: &'a Map<String, Value>,
    pub(super) score: f64,
}

/// Parameters to try next: those of `asked`, and one value for each other that has somewhere to look. The
/// same arguments give the same answer. O(draws × parameters × trials).
pub(super) fn propose(
    declared: &[Parameter],
    asked: &Map<String, Value>,
    tried: &[Tried],
    random: &mut impl Rng,
) -> Map<String, Value> {
    let mut order: Vec<usize> = (0..tried.len()).collect();
    // Of equals the earlier counts as the better one.
    order.sort_by(|&a, &b| tried[b].score.total_cmp(&tried[a].score).then(a.cmp(&b)));
    let good = ((tried.len() as f64 * GOOD).ceil() as usize).clamp(1, 25);
    let mut params = asked.clone();
    for parameter in declared.iter().filter(|parameter| !asked.contains_key(parameter.name)) {
        let Some(space) = Space::of(parameter) else { continue };
        let place = if tried.len() < FEWEST {
            space.draw_evenly(random)
        } else {
            let seen = |of: &[usize]| -> Vec<f64> {
                of.iter().filter_map(|&at| space.place(tried[at].params.get(parameter.name))).collect()
            };
            space.likeliest(&seen(&order[..good]), &seen(&order[good..]), random)
        };
        params.insert(parameter.name.into(), space.value(place));
    }
    params
}

/// Whether tuning has anywhere to look.
pub(super) fn has_space(declared: &[Parameter]) -> bool {
    declared.iter().any(|parameter| Space::of(parameter).is_some())
}

/// Where a parameter is looked for, as an interval from 0 to 1 or as a number of words.
enum Space {
    Range { low: f64, high: f64, log: bool, whole: bool },
    Words(&'static [&'static str]),
    Flag,
}

impl Space {
    fn of(parameter: &Parameter) -> Option<Space> {
        let whole = matches!(parameter.domain, Domain::Integer { .. } | Domain::AutoInteger { .. });
        match (parameter.search, parameter.domain) {
            (Search::Between(low, high), _) => Some(Space::Range { low, high, log: false, whole }),
            (Search::Log(low, high), _) => Some(Space::Range { low, high, log: true, whole }),
            (Search::Every, Domain::Choice { of, .. }) => Some(Space::Words(of)),
            (Search::Every, Domain::Flag { .. }) => Some(Space::Flag),
            (Search::Fixed | Search::Every, _) => None,
        }
    }

    /// The number of words; 0 for a range.
    fn words(&self) -> usize {
        match self {
            Space::Range { .. } => 0,
            Space::Words(words) => words.len(),
            Space::Flag => 2,
        }
    }

    /// Where a value lies: from 0 to 1, or which word it is. None for a value left to the data.
    fn place(&self, value: Option<&Value>) -> Option<f64> {
        match self {
            Space::Range { low, high, log, .. } => {
                let value = value?.as_f64()?.clamp(*low, *high);
                Some(if *log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) })
            }
            Space::Words(words) => {
                let word = value?.as_str()?;
                words.iter().position(|other| *other == word).map(|at| at as f64)
            }
            Space::Flag => value?.as_bool().map(|flag| f64::from(u8::from(flag))),
        }
    }

    fn value(&self, place: f64) -> Value {
        match self {
            Space::Range { low, high, log, whole } => {
                let value = if *log { low * (high / low).powf(place) } else { low + place * (high - low) }
                    .clamp(*low, *high);
                if *whole {
                    Value::from(value.round() as i64)
                } else {
                    number(short(value).clamp(*low, *high))
                }
            }
            Space::Words(words) => Value::from(words[place as usize]),
            Space::Flag => Value::from(place > 0.5),
        }
    }

    fn draw_evenly(&self, random: &mut impl Rng) -> f64 {
        match self.words() {
            0 => random.random_range(0.0..=1.0),
            words => random.random_range(0..words) as f64,
        }
    }

    /// Of some places drawn where the good ones are, the one that is likeliest to be good.
    fn likeliest(&self, good: &[f64], bad: &[f64], random: &mut impl Rng) -> f64 {
        let (good, bad) = (Density::new(good, self.words()), Density::new(bad, self.words()));
        let mut best = (f64::NEG_INFINITY, 0.0);
        for _ in 0..DRAWS {
            let place = good.draw(random);
            let ratio = good.at(place).ln() - bad.at(place).ln();
            if ratio > best.0 {
                best = (ratio, place);
            }
        }
        best.1
    }
}

/// A mixture of one bell at each place seen and one even share over everything; or the shares of words,
/// each seen once more than it was.
struct Density<'a> {
    seen: &'a [f64],
    width: f64,
    words: usize,
}

impl<'a> Density<'a> {
    fn new(seen: &'a [f64], words: usize) -> Density<'a> {
        // Silverman's rule for places between 0 and 1.
        let width = if seen.len() > 1 {
            let mean = seen.iter().sum::<f64>() / seen.len() as f64;
            let variance = seen.iter().map(|at| (at - mean).powi(2)).sum::<f64>() / (seen.len() - 1) as f64;
            1.06 * variance.sqrt() * (seen.len() as f64).powf(-0.2)
        } else {
            0.25
        };
        Density { seen, width: width.clamp(NARROWEST, 0.5), words }
    }

    fn at(&self, place: f64) -> f64 {
        if self.words > 0 {
            let times = self.seen.iter().filter(|seen| (**seen - place).abs() < 0.5).count() as f64;
            return (times + 1.0) / (self.seen.len() + self.words) as f64;
        }
        let height = |from: f64| {
            let z = from / self.width;
            (-0.5 * z * z).exp() / (self.width * (2.0 * std::f64::consts::PI).sqrt())
        };
        // What would lie beyond an end is folded back, as it is when drawn.
        let bell =
            |centre: f64| height(place - centre) + height(place + centre) + height(2.0 - place - centre);
        let bells = self.seen.iter().map(|centre| bell(*centre)).sum::<f64>();
        EVEN + (1.0 - EVEN) * bells / self.seen.len().max(1) as f64
    }

    fn draw(&self, random: &mut impl Rng) -> f64 {
        let part = random.random_range(0..self.seen.len().max(1));
        let even = random.random_range(0.0..1.0) < EVEN;
        let Some(&centre) = self.seen.get(part).filter(|_| !even) else {
            return if self.words > 0 {
                random.random_range(0..self.words) as f64
            } else {
                random.random_range(0.0..=1.0)
            };
        };
        if self.words > 0 {
            return centre;
        }
        // Box and Muller's normal deviate, folded back at the ends.
        let (u, v): (f64, f64) = (random.random_range(f64::MIN_POSITIVE..1.0), random.random_range(0.0..1.0));
        let z = (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos();
        let place = centre + z * self.width;
        if place < 0.0 {
            (-place).min(1.0)
        } else if place > 1.0 {
            (2.0 - place).max(0.0)
        } else {
            place
        }
    }
}

/// Four significant digits: what more of them would change no model.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use serde_json::json;

    use super::*;
    use crate::estimators::{ALL, Params};

    static DECLARED: &[Parameter] = &[
        Parameter {
            name: "rate",
            domain: Domain::Number { min: 0.0, max: 1.0, default: 0.1 },
            search: Search::Log(0.001, 1.0),
            doc: "",
        },
        Parameter {
            name: "depth",
            domain: Domain::AutoInteger { min: 1, max: 20 },
            search: Search::Between(1.0, 20.0),
            doc: "",
        },
        Parameter {
            name: "grow",
            domain: Domain::Choice { of: &["deep", "leaf", "wide"], default: "deep" },
            search: Search::Every,
            doc: "",
        },
    ];

    /// Best at a rate of 0.03, a depth of 7 and "leaf".
    fn score(params: &Map<String, Value>) -> f64 {
        let rate = (params["rate"].as_f64().unwrap() / 0.03).ln();
        let depth = params["depth"].as_f64().unwrap() - 7.0;
        let grow = if params["grow"] == "leaf" { 0.0 } else { 1.0 };
        -(rate * rate) - 0.05 * depth * depth - grow
    }

    /// The best score after so many trials.
    fn search(trials: usize, seed: u64, learn: bool) -> f64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut tried: Vec<(Map<String, Value>, f64)> = Vec::new();
        for _ in 0..trials {
            let seen: Vec<Tried> = tried
                .iter()
                .filter(|_| learn)
                .map(|(params, score)| Tried { params, score: *score })
                .collect();
            let params = propose(DECLARED, &Map::new(), &seen, &mut random);
            let score = score(&params);
            tried.push((params, score));
        }
        tried.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn learning_from_trials_beats_drawing_evenly() {
        let mean = |learn| (0..20).map(|seed| search(40, seed, learn)).sum::<f64>() / 20.0;
        let (learned, even) = (mean(true), mean(false));
        assert!(learned > even + 0.2 && learned > -0.3, "{learned} {even}");
    }

    #[test]
    fn the_same_history_gives_the_same_proposal() {
        assert_eq!(search(30, 3, true).to_bits(), search(30, 3, true).to_bits());
    }

    #[test]
    fn what_was_asked_for_stays() {
        let asked = json!({"grow": "wide"});
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20 {
            let params = propose(DECLARED, asked.as_object().unwrap(), &[], &mut random);
            assert_eq!(params["grow"], "wide");
        }
    }

    #[test]
    fn every_proposal_is_inside_its_estimators_domains() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for estimator in ALL {
            for _ in 0..50 {
                let params = propose(estimator.parameters(), &Map::new(), &[], &mut random);
                Params::check(estimator.parameters(), &params)
                    .unwrap_or_else(|error| panic!("{}: {error}", estimator.name()));
            }
        }
    }
}
