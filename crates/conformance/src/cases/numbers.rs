//! Transforms of numbers: increment, maximum, minimum.

use firekeep_core::{TransformOp, Value, fields};

use crate::Ctx;
use crate::case::cases;

cases! { "numbers":
    an_increment_adds, an_increment_of_nothing_sets_the_operand,
    an_increment_of_text_sets_the_operand, an_integer_sum_saturates_above,
    an_integer_sum_saturates_below, an_integer_plus_a_double_is_a_double,
    the_largest_integer_plus_one_point_zero_is_two_to_the_63, infinities_cancel_to_nan,
    negative_zero_plus_integer_zero_is_zero, an_increment_by_a_double_of_nothing_stays_a_double,
    a_maximum_keeps_the_larger, a_maximum_takes_the_winner_s_type,
    a_maximum_of_equals_keeps_the_stored, a_maximum_of_zeros_keeps_the_stored,
    a_maximum_of_text_sets_the_operand, nan_wins_a_maximum, nan_wins_a_minimum,
    a_stored_nan_stays, a_minimum_keeps_the_smaller, a_minimum_of_equals_keeps_the_stored,
    a_maximum_compares_large_numbers_exactly, a_minimum_of_nothing_sets_the_operand,
}

use TransformOp::{Increment, Maximum, Minimum};

async fn yields(cx: &Ctx, before: Option<Value>, op: TransformOp, expected: impl Into<Value>) {
    let expected = expected.into();
    let (reported, stored) = cx.transform(before, op).await;
    assert_eq!(stored, expected, "the stored value");
    assert_eq!(reported, expected, "the reported result");
}

async fn an_increment_adds(cx: Ctx) {
    yields(&cx, Some(40.into()), Increment(2.into()), 42).await;
    yields(&cx, Some(1.5.into()), Increment((-2.0).into()), -0.5).await;
}

async fn an_increment_of_nothing_sets_the_operand(cx: Ctx) {
    yields(&cx, None, Increment(5.into()), 5).await;
}

async fn an_increment_of_text_sets_the_operand(cx: Ctx) {
    yields(&cx, Some("7".into()), Increment(5.into()), 5).await;
    yields(&cx, Some(Value::Null), Increment(5.into()), 5).await;
}

async fn an_integer_sum_saturates_above(cx: Ctx) {
    yields(&cx, Some((i64::MAX - 1).into()), Increment(5.into()), i64::MAX).await;
}

async fn an_integer_sum_saturates_below(cx: Ctx) {
    yields(&cx, Some((i64::MIN + 1).into()), Increment((-5).into()), i64::MIN).await;
}

async fn an_integer_plus_a_double_is_a_double(cx: Ctx) {
    yields(&cx, Some(1.into()), Increment(1.0.into()), 2.0).await;
    yields(&cx, Some(1.0.into()), Increment(1.into()), 2.0).await;
}

async fn the_largest_integer_plus_one_point_zero_is_two_to_the_63(cx: Ctx) {
    yields(&cx, Some(i64::MAX.into()), Increment(1.0.into()), 9_223_372_036_854_775_808.0).await;
}

async fn infinities_cancel_to_nan(cx: Ctx) {
    yields(&cx, Some(f64::INFINITY.into()), Increment(f64::NEG_INFINITY.into()), f64::NAN).await;
}

async fn negative_zero_plus_integer_zero_is_zero(cx: Ctx) {
    yields(&cx, Some(Value::Double(-0.0)), Increment(0.into()), 0.0).await;
}

async fn an_increment_by_a_double_of_nothing_stays_a_double(cx: Ctx) {
    yields(&cx, None, Increment(3.0.into()), 3.0).await;
}

async fn a_maximum_keeps_the_larger(cx: Ctx) {
    yields(&cx, Some(3.into()), Maximum(5.into()), 5).await;
    yields(&cx, Some(3.into()), Maximum(1.into()), 3).await;
}

async fn a_maximum_takes_the_winner_s_type(cx: Ctx) {
    yields(&cx, Some(3.into()), Maximum(3.5.into()), 3.5).await;
    yields(&cx, Some(3.5.into()), Maximum(4.into()), 4).await;
}

async fn a_maximum_of_equals_keeps_the_stored(cx: Ctx) {
    yields(&cx, Some(3.into()), Maximum(3.0.into()), 3).await;
    yields(&cx, Some(3.0.into()), Maximum(3.into()), 3.0).await;
}

async fn a_maximum_of_zeros_keeps_the_stored(cx: Ctx) {
    yields(&cx, Some(Value::Double(-0.0)), Maximum(0.0.into()), -0.0).await;
    yields(&cx, Some(0.into()), Maximum(Value::Double(-0.0)), 0).await;
}

async fn a_maximum_of_text_sets_the_operand(cx: Ctx) {
    yields(&cx, Some("9".into()), Maximum(1.into()), 1).await;
}

async fn nan_wins_a_maximum(cx: Ctx) {
    yields(&cx, Some(3.into()), Maximum(f64::NAN.into()), f64::NAN).await;
}

async fn nan_wins_a_minimum(cx: Ctx) {
    yields(&cx, Some(3.into()), Minimum(f64::NAN.into()), f64::NAN).await;
}

async fn a_stored_nan_stays(cx: Ctx) {
    yields(&cx, Some(f64::NAN.into()), Maximum(9.into()), f64::NAN).await;
    yields(&cx, Some(f64::NAN.into()), Minimum((-9).into()), f64::NAN).await;
}

async fn a_minimum_keeps_the_smaller(cx: Ctx) {
    yields(&cx, Some(3.into()), Minimum(5.into()), 3).await;
    yields(&cx, Some(3.into()), Minimum((-1.5).into()), -1.5).await;
}

async fn a_minimum_of_equals_keeps_the_stored(cx: Ctx) {
    yields(&cx, Some(3.into()), Minimum(3.0.into()), 3).await;
    yields(&cx, Some(0.0.into()), Minimum(Value::Double(-0.0)), 0.0).await;
}

async fn a_maximum_compares_large_numbers_exactly(cx: Ctx) {
    let odd = 9_007_199_254_740_993_i64;
    yields(&cx, Some(odd.into()), Maximum(9_007_199_254_740_992.0.into()), odd).await;
    yields(&cx, Some(9_007_199_254_740_992.0.into()), Maximum(odd.into()), odd).await;
}

async fn a_minimum_of_nothing_sets_the_operand(cx: Ctx) {
    cx.put("t", fields! { "other" => 1 }).await;
    yields(&cx, None, Minimum(5.into()), 5).await;
}
