import {scenario} from '../scenario.js';

async function tree(db) {
  const batch = db.batch();
  ['c/a', 'c/b', 'c/ghost/s/x', 'c/a/s/y', 'c/a/t/z', 'd/a'].forEach(path => batch.set(db.doc(path), {path}));
  await batch.commit();
}

scenario('collections/list-documents', async check => {
  await tree(check.db);
  const listed = await check.db.collection('c').listDocuments();
  check.is('with those that only have descendants', listed.map(ref => ref.path), ['c/a', 'c/b', 'c/ghost']);
  check.is('below', (await check.db.collection('c/ghost/s').listDocuments()).map(ref => ref.path), ['c/ghost/s/x']);
  check.is('an empty collection', await check.db.collection('none').listDocuments(), []);
  const many = check.db.bulkWriter();
  for (let n = 0; n < 350; n++) many.set(check.db.doc(`many/${String(n).padStart(3, '0')}`), {n});
  await many.close();
  const paged = await check.db.collection('many').listDocuments();
  check.is('several pages', [paged.length, paged[0].id, paged[349].id], [350, '000', '349']);
});

scenario('collections/list-collections', async check => {
  await tree(check.db);
  const names = async from => (await from.listCollections()).map(collection => collection.path);
  check.is('at the root', await names(check.db), ['c', 'd']);
  check.is('of a document', await names(check.db.doc('c/a')), ['c/a/s', 'c/a/t']);
  check.is('of a missing document', await names(check.db.doc('c/ghost')), ['c/ghost/s']);
  check.is('of one without', await names(check.db.doc('d/a')), []);
  await check.db.doc('c/ghost/s/x').delete();
  check.is('gone with the last document', await names(check.db.doc('c/ghost')), []);
});

scenario('collections/recursive-delete', async check => {
  await tree(check.db);
  await check.db.recursiveDelete(check.db.doc('c/a'));
  const left = async () => (await Promise.all(['s', 't', 'c', 'd'].map(id => check.db.collectionGroup(id).get()))).flatMap(found => found.docs.map(doc => doc.ref.path));
  check.is('a document', await left(), ['c/ghost/s/x', 'c/b', 'd/a']);
  await check.db.recursiveDelete(check.db.collection('c'));
  check.is('a collection', await left(), ['d/a']);
});

scenario('collections/partitions', async check => {
  const batch = check.db.batch();
  for (let n = 0; n < 100; n++) batch.set(check.db.doc(`p/${n % 10}/g/${n}`), {n});
  await batch.commit();
  const found = new Set();
  let parts = 0;
  for await (const partition of check.db.collectionGroup('g').getPartitions(4)) {
    parts += 1;
    (await partition.toQuery().get()).forEach(doc => found.add(doc.ref.path));
  }
  check.is('at most as many as asked for', parts >= 1 && parts <= 4, true);
  check.is('together they hold all', found.size, 100);
});
