import {FieldValue, Timestamp} from '../client.js';
import {scenario} from '../scenario.js';

scenario('transactions/read-write', async check => {
  const {db} = check;
  await db.doc('c/a').set({n: 1});
  await db.doc('c/b').set({n: 2});
  const answer = await db.runTransaction(async transaction => {
    const a = await transaction.get(db.doc('c/a'));
    const [b, none] = await transaction.getAll(db.doc('c/b'), db.doc('c/none'));
    const all = await transaction.get(db.collection('c').where('n', '>', 1));
    transaction.update(a.ref, {n: a.get('n') + b.get('n')});
    transaction.create(none.ref, {fresh: true});
    transaction.set(db.doc('c/d'), {seen: all.size});
    transaction.delete(b.ref);
    return [a.get('n'), b.get('n'), none.exists, all.docs.map(doc => doc.id)];
  });
  check.is('seen', answer, [1, 2, false, ['b']]);
  const after = await db.collection('c').get();
  check.is('written', Object.fromEntries(after.docs.map(doc => [doc.id, doc.data()])), {a: {n: 3}, none: {fresh: true}, d: {seen: 1}});
});

scenario('transactions/masked', async check => {
  const {db} = check;
  await db.doc('c/a').set({n: 1, m: 2});
  const seen = await db.runTransaction(transaction => transaction.getAll(db.doc('c/a'), {fieldMask: ['m']}));
  check.is('fields', seen[0].data(), {m: 2});
});

scenario('transactions/rollback', async check => {
  const {db} = check;
  await db.doc('c/a').set({n: 1});
  const refused = db.runTransaction(async transaction => {
    await transaction.get(db.doc('c/a'));
    transaction.set(db.doc('c/a'), {n: 2});
    throw new RangeError('changed its mind');
  });
  await check.fails('its error comes out', refused, 'RangeError', /changed its mind/);
  check.is('nothing written', (await db.doc('c/a').get()).data(), {n: 1});
  await db.doc('c/a').set({n: 3});
  check.is('nothing held', (await db.doc('c/a').get()).data(), {n: 3});
});

scenario('transactions/failed-precondition', async check => {
  const {db} = check;
  await db.doc('c/a').set({n: 1});
  let attempts = 0;
  const twice = db.runTransaction(async transaction => {
    attempts += 1;
    transaction.create(db.doc('c/a'), {n: 2});
  });
  await check.fails('refused', twice, 'ALREADY_EXISTS', /already exists/);
  check.is('and not repeated', attempts, 1);
  const missing = db.runTransaction(async transaction => void transaction.update(db.doc('c/none'), {n: 2}));
  await check.fails('an update of nothing', missing, 'NOT_FOUND');
});

scenario('transactions/read-only', async check => {
  const {db} = check;
  const document = db.doc('c/a');
  await document.set({n: 1});
  const seen = await db.runTransaction(async transaction => {
    const first = (await transaction.get(document)).get('n');
    await document.set({n: 2});
    return [first, (await transaction.get(document)).get('n'), (await transaction.get(db.collection('c'))).docs[0].get('n')];
  }, {readOnly: true});
  check.is('one snapshot', seen, [1, 1, 1]);
  const {writeTime} = await document.set({n: 3});
  await document.set({n: 4});
  const past = await db.runTransaction(async transaction => (await transaction.get(document)).get('n'), {readOnly: true, readTime: writeTime});
  check.is('at a time', past, 3);
});

scenario('transactions/conflict', async check => {
  const {db} = check;
  const document = db.doc('c/a');
  await document.set({n: 1});
  let attempts = 0;
  let outside;
  await db.runTransaction(async transaction => {
    attempts += 1;
    const n = (await transaction.get(document)).get('n');
    // Where reads lock, this waits until the transaction has ended; where they don't, the transaction is repeated.
    outside ??= document.update({n: FieldValue.increment(10)});
    if (attempts === 1) await Promise.race([outside, new Promise(resolve => setTimeout(resolve, 300))]);
    transaction.update(document, {n: n * 2});
  });
  await outside;
  const n = (await document.get()).get('n');
  check.is('one after the other', n === 12 || n === 22, true);
}, {seconds: 90});

scenario('transactions/contention', async check => {
  const {db} = check;
  const document = db.doc('c/counter');
  await document.set({n: 0});
  const workers = Number(process.env.INTEROP_WORKERS ?? 2);
  const each = 3;
  let attempts = 0;
  await Promise.all(Array.from({length: workers}, async () => {
    for (let round = 0; round < each; round++) {
      await db.runTransaction(async transaction => {
        attempts += 1;
        const n = (await transaction.get(document)).get('n');
        transaction.update(document, {n: n + 1});
      }, {maxAttempts: 50});
    }
  }));
  check.is('none lost', (await document.get()).get('n') === workers * each, true);
  check.is('at least as many attempts', attempts >= workers * each, true);
}, {seconds: 120});

scenario('transactions/phantom', async check => {
  const {db} = check;
  const c = db.collection('c');
  await c.doc('a').set({n: 1});
  let outside;
  let attempts = 0;
  await db.runTransaction(async transaction => {
    attempts += 1;
    const found = await transaction.get(c.where('n', '==', 1));
    outside ??= c.doc('b').set({n: 1});
    if (attempts === 1) await Promise.race([outside, new Promise(resolve => setTimeout(resolve, 300))]);
    transaction.set(db.doc('sums/c'), {size: found.size});
  });
  await outside;
  const size = (await db.doc('sums/c').get()).get('size');
  check.is('the sum is of some order of the two', size === 1 || size === 2, true);
  check.is('repeated if the query changed before the commit', attempts === 1 || size === 2, true);
}, {seconds: 90});

scenario('transactions/many', async check => {
  const {db} = check;
  const sums = await Promise.all(Array.from({length: 20}, (_, n) => db.runTransaction(async transaction => {
    const before = await transaction.get(db.doc(`c/${n}`));
    transaction.set(db.doc(`c/${n}`), {n, at: FieldValue.serverTimestamp()});
    return before.exists;
  })));
  check.is('side by side', sums, Array(20).fill(false));
  const found = await db.collection('c').get();
  check.is('all written', found.size, 20);
  check.is('with times', found.docs.every(doc => doc.get('at') instanceof Timestamp), true);
});
