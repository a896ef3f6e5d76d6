import {FieldValue, Timestamp} from '../client.js';
import {scenario} from '../scenario.js';

scenario('transforms/increment', async check => {
  const db = check.open({useBigInt: true});
  const document = db.doc('c/a');
  const next = async (from, by) => {
    await document.set(from === undefined ? {} : {n: from});
    await document.update({n: FieldValue.increment(by)});
    return (await document.get()).get('n');
  };
  check.is('integers', await next(1n, 2), 3n);
  check.is('of a missing field', await next(undefined, 2), 2n);
  check.is('of text', await next('text', 2), 2n);
  check.is('by a double', await next(1n, 0.5), 1.5);
  check.is('a double by an integer', await next(0.5, 1), 1.5);
  check.is('stays below the greatest integer', await next(2n ** 63n - 2n, 5), 2n ** 63n - 1n);
  check.is('stays above the least integer', await next(-(2n ** 63n) + 1n, -5), -(2n ** 63n));
  check.is('not a number', await next(NaN, 1), NaN);
  await db.doc('c/new').set({n: FieldValue.increment(5)}, {merge: true});
  check.is('creates', (await db.doc('c/new').get()).data(), {n: 5n});
});

scenario('transforms/arrays', async check => {
  const document = check.db.doc('c/a');
  await document.set({l: [1, 'a', 1], scalar: 5});
  await document.update({l: FieldValue.arrayUnion(2, 1.0, 'a', {x: 1}, 2), scalar: FieldValue.arrayUnion(1), fresh: FieldValue.arrayUnion('x', 'x')});
  check.is('union', (await document.get()).data(), {l: [1, 'a', 1, 2, {x: 1}], scalar: [1], fresh: ['x']});
  await document.update({l: FieldValue.arrayRemove(1, {x: 1}, 'none'), scalar: FieldValue.arrayRemove(2), absent: FieldValue.arrayRemove(1)});
  check.is('removal', (await document.get()).data(), {l: ['a', 2], scalar: [1], fresh: ['x'], absent: []});
  await document.update({l: FieldValue.arrayUnion(NaN, null)});
  await document.update({l: FieldValue.arrayUnion(NaN, null)});
  check.is('not a number and null once', (await document.get()).get('l'), ['a', 2, NaN, null]);
});

scenario('transforms/server-timestamp', async check => {
  const document = check.db.doc('c/a');
  const before = (await check.db.doc('c/none').get()).readTime;
  await document.set({t: FieldValue.serverTimestamp(), m: {t: FieldValue.serverTimestamp()}, a: 1});
  const snapshot = await document.get();
  const time = snapshot.get('t');
  check.is('a timestamp', time instanceof Timestamp, true);
  check.is('one for all fields', time.isEqual(snapshot.get('m.t')), true);
  check.is('of whole milliseconds', time.nanoseconds % 1_000_000, 0);
  const millis = stamp => stamp.toMillis();
  check.is('about the time of the commit', Math.abs(millis(time) - millis(snapshot.updateTime)) < 5_000 && millis(time) >= millis(before) - 1, true);
  check.is('beside other fields', snapshot.get('a'), 1);
});

scenario('transforms/together', async check => {
  const document = check.db.doc('c/a');
  await document.set({a: 1, n: FieldValue.increment(1), l: FieldValue.arrayUnion(1), deep: {n: FieldValue.increment(2)}});
  check.is('with fields', (await document.get()).data(), {a: 1, n: 1, l: [1], deep: {n: 2}});
  const batch = check.db.batch();
  batch.update(document, {n: FieldValue.increment(1)});
  batch.update(document, {n: FieldValue.increment(10), a: 2});
  batch.set(document, {l: FieldValue.arrayUnion(2)}, {merge: true});
  await batch.commit();
  check.is('one after another', (await document.get()).data(), {a: 2, n: 12, l: [1, 2], deep: {n: 2}});
  await document.set({n: FieldValue.increment(1)});
  check.is('a replacement starts from nothing', (await document.get()).data(), {n: 1});
  await check.fails('of a missing document', check.db.doc('c/none').update({n: FieldValue.increment(1)}), 'NOT_FOUND');
});
