import {AggregateField} from '../client.js';
import {scenario} from '../scenario.js';

async function fill(db) {
  const batch = db.batch();
  const values = {a: 1, b: 2.5, c: 3, d: 'text', e: null};
  for (const [id, v] of Object.entries(values)) batch.set(db.doc(`c/${id}`), {v});
  batch.set(db.doc('c/f'), {other: 1});
  await batch.commit();
  return db.collection('c');
}

scenario('aggregates/count', async check => {
  const c = await fill(check.db);
  check.is('all', (await c.count().get()).data(), {count: 6});
  check.is('filtered', (await c.where('v', '>', 1).count().get()).data(), {count: 2});
  check.is('limited', (await c.limit(2).count().get()).data(), {count: 2});
  check.is('after an offset', (await c.offset(4).count().get()).data(), {count: 2});
  check.is('from a cursor', (await c.orderBy('v').startAt(2).count().get()).data(), {count: 3});
  check.is('none', (await check.db.collection('none').count().get()).data(), {count: 0});
  check.is('a group', (await check.db.collectionGroup('c').count().get()).data(), {count: 6});
});

scenario('aggregates/sum-average', async check => {
  const c = await fill(check.db);
  const ask = async (query, fields) => (await query.aggregate(fields).get()).data();
  check.is('sum', await ask(c, {s: AggregateField.sum('v')}), {s: 6.5});
  check.is('average', await ask(c, {a: AggregateField.average('v')}), {a: 6.5 / 3});
  check.is('both of integers', await ask(c.where('v', 'in', [1, 3]), {s: AggregateField.sum('v'), a: AggregateField.average('v')}), {s: 4, a: 2});
  check.is('of none', await ask(check.db.collection('none'), {s: AggregateField.sum('v'), a: AggregateField.average('v'), n: AggregateField.count()}), {s: 0, a: null, n: 0});
  check.is('of a missing field', await ask(c, {s: AggregateField.sum('nowhere')}), {s: 0});
  await check.db.doc('c/g').set({v: NaN});
  check.is('not a number', await ask(c, {s: AggregateField.sum('v'), a: AggregateField.average('v')}), {s: NaN, a: NaN});
});

scenario('aggregates/integers', async check => {
  const db = check.open({useBigInt: true});
  await db.doc('c/a').set({v: 2n ** 62n});
  await db.doc('c/b').set({v: 2n ** 62n - 1n});
  const ask = async () => (await db.collection('c').aggregate({s: AggregateField.sum('v')}).get()).data().s;
  check.is('stays an integer while it fits', await ask(), 2n ** 63n - 1n);
  await db.doc('c/c').set({v: 1n});
  check.is('then a double', await ask(), 2 ** 63);
});

scenario('aggregates/transaction', async check => {
  const c = await fill(check.db);
  const counted = await check.db.runTransaction(async transaction => {
    const {count} = (await transaction.get(c.count())).data();
    transaction.set(check.db.doc('totals/c'), {count});
    return count;
  });
  check.is('counted', counted, 6);
  check.is('written', (await check.db.doc('totals/c').get()).data(), {count: 6});
});

scenario('aggregates/explain', async check => {
  const c = await fill(check.db);
  const explained = await c.count().explain({analyze: true});
  check.is('result', explained.snapshot?.data(), {count: 6});
  check.is('stats', explained.metrics.executionStats.resultsReturned, 1);
});
