import {FieldPath, FieldValue, Filter, Timestamp} from '../client.js';
import {scenario} from '../scenario.js';

const ids = found => found.docs.map(doc => doc.id);

/** Twelve documents that the filters tell apart. */
async function fill(db) {
  const batch = db.batch();
  const documents = {
    a: {n: 1, s: 'x', l: [1, 2], g: 'odd'}, b: {n: 2, s: 'y', l: [2, 3], g: 'even'}, c: {n: 3, s: 'x', l: [], g: 'odd'},
    d: {n: 4, s: 'y', l: ['a'], g: 'even'}, e: {n: 5, s: 'z', l: [3], g: 'odd'}, f: {n: 2.5, s: 'x', g: 'none'},
    g: {n: null}, h: {n: NaN}, i: {n: '3'}, j: {n: [3]}, k: {n: {x: 3}}, l: {s: 'only'},
  };
  for (const [id, data] of Object.entries(documents)) batch.set(db.doc(`c/${id}`), data);
  await batch.commit();
  return db.collection('c');
}

scenario('queries/operators', async check => {
  const c = await fill(check.db);
  const find = async (...filter) => ids(await c.where(...filter).get());
  check.is('==', await find('n', '==', 3), ['c']);
  check.is('== null', await find('n', '==', null), ['g']);
  check.is('== not a number', await find('n', '==', NaN), ['h']);
  check.is('== array', await find('n', '==', [3]), ['j']);
  check.is('== map', await find('n', '==', {x: 3}), ['k']);
  check.is('== inside a map', await find('n.x', '==', 3), ['k']);
  check.is('<', await find('n', '<', 3), ['a', 'b', 'f']);
  check.is('<=', await find('n', '<=', 3), ['a', 'b', 'f', 'c']);
  check.is('>', await find('n', '>', 3), ['d', 'e']);
  check.is('>=', await find('n', '>=', 3), ['c', 'd', 'e']);
  check.is('> text', await find('n', '>', ''), ['i']);
  check.is('!=', await find('n', '!=', 3), ['h', 'a', 'b', 'f', 'd', 'e', 'i', 'j', 'k']);
  check.is('!= null', await find('n', '!=', null), ['h', 'a', 'b', 'f', 'c', 'd', 'e', 'i', 'j', 'k']);
  check.is('!= not a number', await find('n', '!=', NaN), ['a', 'b', 'f', 'c', 'd', 'e', 'i', 'j', 'k']);
  check.is('in', await find('n', 'in', [2, 5, '3', 'none']), ['b', 'e', 'i']);
  check.is('not-in', await find('n', 'not-in', [1, 2, 3, 4]), ['h', 'f', 'e', 'i', 'j', 'k']);
  check.is('array-contains', await find('l', 'array-contains', 2), ['a', 'b']);
  check.is('array-contains-any', await find('l', 'array-contains-any', [1, 'a']), ['a', 'd']);
});

scenario('queries/and-or', async check => {
  const c = await fill(check.db);
  const find = async filter => ids(await c.where(filter).get());
  const {and, or, where} = Filter;
  check.is('and', ids(await c.where('s', '==', 'x').where('n', '>', 1).get()), ['f', 'c']);
  check.is('or', await find(or(where('n', '==', 1), where('s', '==', 'z'))), ['a', 'e']);
  check.is('or of ands', await find(or(and(where('s', '==', 'x'), where('n', '<', 2)), and(where('s', '==', 'y'), where('n', '>', 3)))), ['a', 'd']);
  check.is('and of ors', await find(and(or(where('s', '==', 'x'), where('s', '==', 'y')), or(where('g', '==', 'odd'), where('n', '==', 4)))), ['a', 'c', 'd']);
  check.is('two inequalities', ids(await c.where('n', '>', 1).where('s', '>', 'x').get()), ['b', 'd', 'e']);
  check.is('in and array-contains', ids(await c.where('s', 'in', ['x', 'y']).where('l', 'array-contains', 2).get()), ['a', 'b']);
  check.is('none', ids(await c.where('n', '==', 1).where('s', '==', 'y').get()), []);
});

scenario('queries/order', async check => {
  const c = await fill(check.db);
  check.is('by name', ids(await c.get()), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l']);
  check.is('without those that lack the field', ids(await c.orderBy('s').get()), ['l', 'a', 'c', 'f', 'b', 'd', 'e']);
  check.is('ties by name in the last direction', ids(await c.orderBy('s', 'desc').get()), ['e', 'd', 'b', 'f', 'c', 'a', 'l']);
  check.is('two fields', ids(await c.orderBy('s').orderBy('n', 'desc').get()), ['c', 'f', 'a', 'd', 'b', 'e']);
  check.is('a field of a map', ids(await c.orderBy('n.x').get()), ['k']);
  check.is('all types', ids(await c.orderBy('n').get()), ['g', 'h', 'a', 'b', 'f', 'c', 'd', 'e', 'i', 'j', 'k']);
});

scenario('queries/order-by-falling-name', async check => {
  const c = await fill(check.db);
  check.is('found', ids(await c.orderBy(FieldPath.documentId(), 'desc').limit(3).get()), ['l', 'k', 'j']);
});

scenario('queries/limits', async check => {
  const c = await fill(check.db);
  const numbers = c.where('n', '>=', 1).orderBy('n');
  check.is('limit', ids(await numbers.limit(2).get()), ['a', 'b']);
  check.is('offset', ids(await numbers.offset(4).get()), ['d', 'e']);
  check.is('offset and limit', ids(await numbers.offset(1).limit(2).get()), ['b', 'f']);
  check.is('limit to last', ids(await numbers.limitToLast(2).get()), ['d', 'e']);
  check.is('limit to last after a cursor', ids(await numbers.startAfter(2).limitToLast(9).get()), ['f', 'c', 'd', 'e']);
  check.is('limit to last before a cursor', ids(await numbers.endBefore(4).limitToLast(2).get()), ['f', 'c']);
  check.is('offset beyond the end', ids(await numbers.offset(9).get()), []);
});

scenario('queries/select', async check => {
  const c = await fill(check.db);
  const found = await c.where('n', '==', 1).select('s', 'missing').get();
  check.is('fields', found.docs[0].data(), {s: 'x'});
  check.is('none', (await c.where('n', '==', 1).select().get()).docs[0].data(), {});
  check.is('inside a map', (await c.where('n.x', '==', 3).select('n.x').get()).docs[0].data(), {n: {x: 3}});
  check.is('times are there', found.docs[0].updateTime instanceof Timestamp, true);
});

scenario('queries/cursors', async check => {
  const {db} = check;
  const c = await fill(db);
  const byN = c.where('n', '>', 0).orderBy('n');
  check.is('start at', ids(await byN.startAt(3).get()), ['c', 'd', 'e']);
  check.is('start after', ids(await byN.startAfter(3).get()), ['d', 'e']);
  check.is('end at', ids(await byN.endAt(3).get()), ['a', 'b', 'f', 'c']);
  check.is('end before', ids(await byN.endBefore(3).get()), ['a', 'b', 'f']);
  check.is('from and to', ids(await byN.startAt(2).endAt(4).get()), ['b', 'f', 'c', 'd']);
  check.is('two values', ids(await c.orderBy('s').orderBy('n').startAt('x', 2.5).get()), ['f', 'c', 'b', 'd', 'e']);
  check.is('a prefix of the order', ids(await c.orderBy('s').orderBy('n').startAfter('x').get()), ['b', 'd', 'e']);
  const snapshot = await db.doc('c/c').get();
  check.is('start at a snapshot', ids(await c.orderBy('s').startAt(snapshot).get()), ['c', 'f', 'b', 'd', 'e']);
  check.is('start after a snapshot', ids(await c.orderBy('s').startAfter(snapshot).get()), ['f', 'b', 'd', 'e']);
  check.is('end before a snapshot', ids(await c.orderBy('s').endBefore(snapshot).get()), ['l', 'a']);
  check.is('a snapshot with an inequality', ids(await c.where('n', '>', 0).startAfter(snapshot).get()), ['d', 'e']);
  check.is('a snapshot without an order', ids(await c.startAfter(snapshot).limit(2).get()), ['d', 'e']);
  check.is('a snapshot, falling', ids(await c.orderBy('s', 'desc').startAfter(snapshot).get()), ['a', 'l']);
  check.is('by name', ids(await c.orderBy(FieldPath.documentId()).startAt('j').get()), ['j', 'k', 'l']);
  check.is('beyond the end', ids(await byN.startAt(9).get()), []);
  check.is('a value of another type', ids(await c.orderBy('n').startAt('').get()), ['i', 'j', 'k']);
});

scenario('queries/names', async check => {
  const {db} = check;
  const c = await fill(db);
  const id = FieldPath.documentId();
  check.is('==', ids(await c.where(id, '==', 'c').get()), ['c']);
  check.is('>', ids(await c.where(id, '>', 'j').get()), ['k', 'l']);
  check.is('in', ids(await c.where(id, 'in', ['k', 'a', 'none']).get()), ['a', 'k']);
  check.is('not-in', ids(await c.where(id, 'not-in', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']).get()), ['k', 'l']);
  check.is('with another filter', ids(await c.where('s', '==', 'x').where(id, '>', 'a').get()), ['c', 'f']);
});

scenario('queries/groups', async check => {
  const {db} = check;
  const batch = db.batch();
  ['g/1', 'p/a/g/2', 'p/b/g/3', 'p/b/g/3/deeper/x/g/4', 'p/b/other/5'].forEach((path, n) => batch.set(db.doc(path), {n}));
  await batch.commit();
  const paths = found => found.docs.map(doc => doc.ref.path);
  check.is('every collection of that name', paths(await db.collectionGroup('g').get()), ['g/1', 'p/a/g/2', 'p/b/g/3', 'p/b/g/3/deeper/x/g/4']);
  check.is('filtered', paths(await db.collectionGroup('g').where('n', '>=', 2).get()), ['p/b/g/3', 'p/b/g/3/deeper/x/g/4']);
  check.is('by name', paths(await db.collectionGroup('g').where(FieldPath.documentId(), '>', db.doc('p/a/g/2')).get()), ['p/b/g/3', 'p/b/g/3/deeper/x/g/4']);
  check.is('the collection alone', paths(await db.collection('p/b/g').get()), ['p/b/g/3']);
});

scenario('queries/read-time', async check => {
  const {db} = check;
  const c = db.collection('c');
  const {writeTime} = await c.doc('a').set({n: 1});
  await c.doc('a').set({n: 2});
  await c.doc('b').set({n: 1});
  const then = await db.runTransaction(transaction => transaction.get(c), {readOnly: true, readTime: writeTime});
  check.is('as it was', then.docs.map(doc => [doc.id, doc.get('n')]), [['a', 1]]);
  check.is('read then', then.readTime.isEqual(writeTime), true);
  const past = await db.runTransaction(transaction => transaction.getAll(c.doc('a'), c.doc('b')), {readOnly: true, readTime: writeTime});
  check.is('documents as they were', past.map(doc => doc.get('n')), [1, undefined]);
  const counted = await db.runTransaction(transaction => transaction.get(c.count()), {readOnly: true, readTime: writeTime});
  check.is('counted then', counted.data().count, 1);
  const future = Timestamp.fromMillis(Date.now() + 3_600_000);
  await check.fails('in the future', db.runTransaction(transaction => transaction.get(c), {readOnly: true, readTime: future}), 'INVALID_ARGUMENT', /future/);
});

scenario('queries/stream', async check => {
  const c = await fill(check.db);
  const streamed = [];
  for await (const doc of c.where('n', '>=', 3).stream()) streamed.push(doc.id);
  check.is('documents', streamed, ['c', 'd', 'e']);
  const none = [];
  for await (const doc of c.where('n', '==', 77).stream()) none.push(doc.id);
  check.is('none', none, []);
});

scenario('queries/pages', async check => {
  const {db} = check;
  const batch = db.batch();
  for (let n = 0; n < 100; n++) batch.set(db.doc(`c/${String(n).padStart(2, '0')}`), {n: n % 10});
  await batch.commit();
  const query = db.collection('c').orderBy('n', 'desc').limit(7);
  const seen = [];
  for (let page = await query.get(); page.size > 0; page = await query.startAfter(page.docs.at(-1)).get()) seen.push(...page.docs);
  const numbers = seen.map(doc => doc.get('n'));
  check.is('every document once', new Set(seen.map(doc => doc.id)).size, 100);
  check.is('in order', numbers.every((number, at) => at === 0 || numbers[at - 1] >= number), true);
});

scenario('queries/many', async check => {
  const {db} = check;
  const writer = db.bulkWriter();
  for (let n = 0; n < 2000; n++) writer.set(db.doc(`many/${String(n).padStart(4, '0')}`), {n, text: 'x'.repeat(500)});
  await writer.close();
  const found = await db.collection('many').get();
  check.is('two thousand', [found.size, found.docs[0].id, found.docs[1999].id], [2000, '0000', '1999']);
  check.is('in order', found.docs.every((doc, n) => doc.get('n') === n), true);
});

scenario('queries/invalid', async check => {
  const c = await fill(check.db);
  const refused = (step, query, kind) => check.fails(step, query.get(), 'INVALID_ARGUMENT', kind);
  // The client repeats a refused query for seven seconds before it says so.
  await Promise.all([
    refused('in of 31', c.where('n', 'in', Array.from({length: 31}, (_, n) => n)), /30/),
    refused('not-in of 11', c.where('n', 'not-in', Array.from({length: 11}, (_, n) => n)), /10/),
    refused('!= and not-in', c.where('n', '!=', 1).where('s', 'not-in', ['x'])),
    refused('two !=', c.where('n', '!=', 1).where('n', '!=', 2)),
    refused('two array-contains', c.where('l', 'array-contains', 1).where('l', 'array-contains', 2)),
    refused('too many disjunctions', c.where('n', 'in', [1, 2, 3, 4, 5, 6]).where('s', 'in', ['1', '2', '3', '4', '5', '6']), /30/),
    refused('not-in with or', c.where(Filter.or(Filter.where('n', 'not-in', [1]), Filter.where('s', '==', 'x')))),
  ]);
});

scenario('queries/explain', async check => {
  const c = await fill(check.db);
  const planned = await c.where('n', '>', 1).explain();
  check.is('a plan without results', planned.snapshot, null);
  check.is('an index is named', planned.metrics.planSummary.indexesUsed.length > 0, true);
  const analysed = await c.where('n', '>', 1).explain({analyze: true});
  check.is('results', analysed.snapshot.docs.map(doc => doc.id), ['b', 'f', 'c', 'd', 'e']);
  check.is('how many', analysed.metrics.executionStats.resultsReturned, 5);
  check.is('reads billed', analysed.metrics.executionStats.readOperations, 5);
});

scenario('queries/nearest', async check => {
  const {db} = check;
  const batch = db.batch();
  const points = {a: [1, 0], b: [0, 1], c: [3, 4], d: [1, 1], e: [1, 2, 3]};
  for (const [id, point] of Object.entries(points)) batch.set(db.doc(`v/${id}`), {v: FieldValue.vector(point), even: id === 'b' || id === 'd'});
  batch.set(db.doc('v/none'), {other: 1});
  await batch.commit();
  const v = db.collection('v');
  const near = async (query, options) => ids(await query.findNearest({vectorField: 'v', queryVector: [1, 0], limit: 10, ...options}).get());
  check.is('euclidean', await near(v, {distanceMeasure: 'EUCLIDEAN'}), ['a', 'd', 'b', 'c']);
  check.is('cosine', await near(v, {distanceMeasure: 'COSINE'}), ['a', 'd', 'c', 'b']);
  check.is('dot product', await near(v, {distanceMeasure: 'DOT_PRODUCT'}), ['c', 'a', 'd', 'b']);
  check.is('limit', await near(v, {distanceMeasure: 'EUCLIDEAN', limit: 2}), ['a', 'd']);
  check.is('threshold', await near(v, {distanceMeasure: 'EUCLIDEAN', distanceThreshold: 1}), ['a', 'd']);
  check.is('threshold of a dot product', await near(v, {distanceMeasure: 'DOT_PRODUCT', distanceThreshold: 1}), ['c', 'a', 'd']);
  check.is('filtered', await near(v.where('even', '==', true), {distanceMeasure: 'EUCLIDEAN'}), ['d', 'b']);
  const found = await v.findNearest({vectorField: 'v', queryVector: [1, 0], limit: 2, distanceMeasure: 'EUCLIDEAN', distanceResultField: 'away'}).get();
  check.is('distances', found.docs.map(doc => doc.get('away')), [0, 1]);
});
