import {FieldValue} from '../client.js';
import {scenario} from '../scenario.js';

scenario('batches/write', async check => {
  const {db} = check;
  const results = await db.batch().create(db.doc('c/a'), {n: 1}).set(db.doc('c/b'), {n: 2}).set(db.doc('c/b'), {m: 1}, {merge: true}).commit();
  check.is('a result per write', results.length, 3);
  check.is('one time for all', results.every(result => result.writeTime.isEqual(results[0].writeTime)), true);
  check.is('merged in order', (await db.doc('c/b').get()).data(), {n: 2, m: 1});
  await check.fails('all or nothing', db.batch().set(db.doc('c/c'), {n: 3}).create(db.doc('c/a'), {}).commit(), 'ALREADY_EXISTS', /already exists/);
  check.is('nothing', (await db.doc('c/c').get()).exists, false);
  await check.fails('an update of nothing', db.batch().delete(db.doc('c/a')).update(db.doc('c/none'), {n: 1}).commit(), 'NOT_FOUND');
  check.is('not deleted', (await db.doc('c/a').get()).exists, true);
  check.is('an empty one', await db.batch().commit(), []);
  await db.batch().set(db.doc('c/d'), {n: 1}).delete(db.doc('c/d')).commit();
  check.is('written and deleted', (await db.doc('c/d').get()).exists, false);
});

scenario('batches/large', async check => {
  const {db} = check;
  const batch = db.batch();
  for (let n = 0; n < 1200; n++) batch.set(db.doc(`many/${n}`), {n});
  const results = await batch.commit();
  check.is('1,200 writes in one', results.length, 1200);
  check.is('all there', (await db.collection('many').count().get()).data().count, 1200);
});

scenario('batches/bulk-writer', async check => {
  const {db} = check;
  const writer = db.bulkWriter();
  const written = [];
  const failed = [];
  writer.onWriteResult(reference => written.push(reference.id));
  writer.onWriteError(error => {
    failed.push([error.documentRef.id, error.code]);
    return false;
  });
  await db.doc('c/exists').set({n: 0});
  const ends = [];
  for (let n = 0; n < 600; n++) ends.push(writer.set(db.doc(`c/${String(n).padStart(3, '0')}`), {n}));
  const again = writer.create(db.doc('c/exists'), {n: 1}).catch(error => error.code);
  const missing = writer.update(db.doc('c/missing'), {n: 1}).catch(error => error.code);
  await writer.close();
  await Promise.all(ends);
  check.is('each write by itself', [await again, await missing], [6, 5]);
  check.is('results', written.length, 600);
  check.is('errors', failed.sort(), [['exists', 6], ['missing', 5]]);
  check.is('all there', (await db.collection('c').count().get()).data().count, 601);
});

scenario('batches/bulk-writer-one-document', async check => {
  const {db} = check;
  const writer = db.bulkWriter();
  writer.set(db.doc('c/a'), {n: 0});
  await writer.flush();
  for (let n = 0; n < 20; n++) writer.update(db.doc('c/a'), {n: FieldValue.increment(1)});
  writer.delete(db.doc('c/b'));
  await writer.close();
  check.is('every write of one document', (await db.doc('c/a').get()).data(), {n: 20});
});

scenario('batches/bundle', async check => {
  const {db} = check;
  await db.doc('c/a').set({n: 1});
  await db.doc('c/b').set({n: 2});
  const bundle = db.bundle('name');
  bundle.add(await db.doc('c/a').get());
  bundle.add('all', await db.collection('c').orderBy('n').get());
  const parts = elements(bundle.build());
  check.is('elements', parts.map(part => Object.keys(part)[0]), ['metadata', 'namedQuery', 'documentMetadata', 'document', 'documentMetadata', 'document']);
  check.is('metadata', [parts[0].metadata.id, parts[0].metadata.totalDocuments], ['name', 2]);
  const documents = parts.filter(part => part.document).map(part => part.document);
  check.is('documents', documents.map(document => document.fields), [{n: {integerValue: '1', valueType: 'integerValue'}}, {n: {integerValue: '2', valueType: 'integerValue'}}].map(fields => ({n: {...documents[0].fields.n, integerValue: fields.n.integerValue}})));
});

/** The elements of a bundle: each is preceded by its length in bytes. */
function elements(buffer) {
  const found = [];
  let rest = buffer;
  while (rest.length > 0) {
    const start = rest.indexOf('{');
    const length = Number(rest.subarray(0, start).toString());
    found.push(JSON.parse(rest.subarray(start, start + length).toString()));
    rest = rest.subarray(start + length);
  }
  return found;
}
