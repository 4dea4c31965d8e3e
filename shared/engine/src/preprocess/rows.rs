//! Which training rows are learned from, and how much each of them counts.

use super::quantiles::Quartiles;
use super::steps::{Balance, Outliers, Preprocessing};
use crate::estimators::Target;
use crate::table::{Column, Values};

/// At most one row in so many is dropped.
const DROPPED_SHARE: usize = 20;
/// A class keeps so many rows at least.
const FEWEST_OF_CLASS: usize = 5;

/// Which of `rows` are kept, as places among them: all but those with an outlier, when `steps` say so. Of
/// more than one row in twenty only those that lie farthest out are dropped, and no class loses its last
/// rows. `y` is the truth of `rows`. O(rows) a column of numbers, then O(rows log rows).
pub(crate) fn kept(columns: &[&Column], rows: &[u32], y: &Target, steps: &Preprocessing) -> Vec<u32> {
    let all = 0..rows.len() as u32;
    if steps.outliers != Outliers::Drop {
        return all.collect();
    }
    // How many interquartile ranges beyond the fence the farthest value of each row lies.
    let mut beyond = vec![0.0f64; rows.len()];
    for column in columns {
        let Values::Number(values) = &column.values else { continue };
        let value = |row: &u32| values[*row as usize];
        let mut present: Vec<f64> = rows.iter().map(value).filter(|value| value.is_finite()).collect();
        let Some(quartiles) = Quartiles::of(&mut present) else { continue };
        let Some((low, high)) = quartiles.fences() else { continue };
        for (row, beyond) in rows.iter().zip(&mut beyond) {
            let value = value(row);
            if value.is_finite() {
                *beyond = beyond.max((low - value).max(value - high) / quartiles.range());
            }
        }
    }
    let mut outliers: Vec<u32> = all.clone().filter(|row| beyond[*row as usize] > 0.0).collect();
    outliers.sort_by(|a, b| beyond[*b as usize].total_cmp(&beyond[*a as usize]).then(a.cmp(b)));
    outliers.truncate(rows.len() / DROPPED_SHARE);
    let mut left = match y {
        Target::Classes { codes, count } => {
            let mut left = vec![0usize; *count];
            for &code in codes {
                left[code as usize] += 1;
            }
            left
        }
        Target::Numbers(values) => vec![values.len()],
    };
    let mut dropped = vec![false; rows.len()];
    for row in outliers {
        let class = match y {
            Target::Classes { codes, .. } => codes[row as usize] as usize,
            Target::Numbers(_) => 0,
        };
        if left[class] > FEWEST_OF_CLASS {
            left[class] -= 1;
            dropped[row as usize] = true;
        }
    }
    all.filter(|row| !dropped[*row as usize]).collect()
}

/// How much each row counts: its own weight, times its class's when classes are to be balanced, with a
/// mean of 1 so that parameters such as a penalty mean the same with weights as without. `None` when
/// all count alike.
///
/// # Errors
/// When no row counts, in words.
pub(crate) fn weights(
    own: Option<Vec<f64>>,
    y: &Target,
    steps: &Preprocessing,
) -> Result<Option<Vec<f32>>, String> {
    let balanced = match y {
        Target::Classes { codes, count } if steps.balance == Balance::Weights => Some((codes, *count)),
        _ => None,
    };
    if own.is_none() && balanced.is_none() {
        return Ok(None);
    }
    let mut weights = own.unwrap_or_else(|| vec![1.0; y.len()]);
    // Divided by the largest first, so that no sum overflows.
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return Err("every row that is learned from has weight 0".into());
    }
    for weight in &mut weights {
        *weight /= largest;
    }
    if let Some((codes, count)) = balanced {
        let mut of_class = vec![0.0; count];
        for (code, weight) in codes.iter().zip(&weights) {
            of_class[*code as usize] += weight;
        }
        for (code, weight) in codes.iter().zip(&mut weights) {
            let of_class = of_class[*code as usize];
            if of_class > 0.0 {
                *weight /= of_class;
            }
        }
    }
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    Ok(Some(weights.into_iter().map(|weight| (weight / mean) as f32).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Kind;

    fn numbers(values: Vec<f64>) -> Column {
        Column { name: "x".into(), kind: Kind::Number, values: Values::Number(values) }
    }

    fn dropping() -> Preprocessing {
        Preprocessing { outliers: Outliers::Drop, ..Preprocessing::default() }
    }

    #[test]
    fn the_farthest_rows_are_dropped_and_not_more_than_one_in_twenty() {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        for (row, value) in
            [(3, 1e9), (17, -1e6), (40, 1e4), (41, 1e4), (42, 1e5), (43, f64::INFINITY), (60, 1e300)]
        {
            values[row] = value;
        }
        let column = numbers(values);
        let rows: Vec<u32> = (0..100).collect();
        let y = Target::Numbers(vec![0.0; 100]);
        let dropped = |y: &Target| -> Vec<u32> {
            let kept = kept(&[&column], &rows, y, &dropping());
            (0..100).filter(|row| !kept.contains(row)).collect()
        };
        assert_eq!(dropped(&y), [3, 17, 40, 42, 60]);
        let rare = Target::Classes {
            codes: (0..100).map(|row| u32::from(row == 3 || row == 5)).collect(),
            count: 2,
        };
        assert_eq!(dropped(&rare), [17, 40, 42, 60]);
        assert_eq!(kept(&[&column], &rows, &y, &Preprocessing::default()).len(), 100);
        // Half of the values are the same: then every other one is no outlier.
        let flat = numbers((0..100).map(|row| f64::from(u8::from(row % 10 == 0)) * 1e6).collect());
        assert_eq!(kept(&[&flat], &rows, &y, &dropping()).len(), 100);
    }

    #[test]
    fn classes_weigh_alike_and_the_mean_is_1() {
        let y = Target::Classes { codes: vec![0, 0, 0, 1], count: 3 };
        let steps = Preprocessing { balance: Balance::Weights, ..Preprocessing::default() };
        // n / (classes × rows of the class), as scikit-learn's "balanced".
        let balanced = weights(None, &y, &steps).unwrap().unwrap();
        assert!(
            balanced.iter().zip([2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]).all(|(a, b)| (a - b).abs() < 1e-6)
        );
        let own =
            weights(Some(vec![1e308, 0.0, 1e308, 0.0]), &y, &Preprocessing::default()).unwrap().unwrap();
        assert_eq!(own, [2.0, 0.0, 2.0, 0.0]);
        let both = weights(Some(vec![1.0, 3.0, 0.0, 2.0]), &y, &steps).unwrap().unwrap();
        assert_eq!(both, [0.5, 1.5, 0.0, 2.0]);
        assert_eq!(weights(None, &y, &Preprocessing::default()), Ok(None));
        assert!(weights(Some(vec![0.0; 4]), &y, &steps).unwrap_err().contains("weight 0"));
    }
}
