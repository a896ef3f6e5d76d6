import {FieldValue, Timestamp} from '../client.js';
import {scenario} from '../scenario.js';

scenario('documents/get', async check => {
  const document = check.db.doc('c/a');
  const missing = await document.get();
  check.is('a missing document has no data', [missing.exists, missing.data()], [false, undefined]);
  check.is('a missing document has a read time', missing.readTime instanceof Timestamp, true);
  const written = await document.set({a: 1, m: {x: 1, y: 2}});
  const snapshot = await document.get();
  check.is('data', snapshot.data(), {a: 1, m: {x: 1, y: 2}});
  check.is('the write names the update time', snapshot.updateTime.isEqual(written.writeTime), true);
  check.is('created when first written', snapshot.createTime.isEqual(snapshot.updateTime), true);
  check.is('read at or after the write', snapshot.readTime >= snapshot.updateTime, true);
});

scenario('documents/get-all', async check => {
  const {db} = check;
  await Promise.all([db.doc('c/a').set({a: 1, b: {x: 1, y: 2}}), db.doc('c/b').set({a: 2})]);
  const [a, none, b, again] = await db.getAll(db.doc('c/a'), db.doc('c/none'), db.doc('c/b'), db.doc('c/a'));
  check.is('in the order asked', [a.id, none.id, b.id, again.id], ['a', 'none', 'b', 'a']);
  check.is('missing ones are said to be', [a.exists, none.exists, b.exists, again.exists], [true, false, true, true]);
  check.is('one read time', a.readTime.isEqual(b.readTime), true);
  const masked = await db.getAll(db.doc('c/a'), db.doc('c/b'), {fieldMask: ['b.x', 'missing']});
  check.is('a field mask', masked.map(snapshot => snapshot.data()), [{b: {x: 1}}, {}]);
});

scenario('documents/create', async check => {
  const document = check.db.doc('c/a');
  await document.create({a: 1});
  await check.fails('a second time', document.create({a: 2}), 'ALREADY_EXISTS', /already exists/);
  check.is('the first stays', (await document.get()).data(), {a: 1});
  await check.db.doc('c/empty').create({});
  check.is('an empty document exists', (await check.db.doc('c/empty').get()).exists, true);
  const added = await check.db.collection('c').add({b: 1});
  check.is('an id of the client', added.id.length, 20);
});

scenario('documents/set', async check => {
  const document = check.db.doc('c/a');
  await document.set({a: 1, m: {x: 1, y: 1}, l: [1]});
  await document.set({b: 1, m: {z: 1}}, {merge: true});
  check.is('merge', (await document.get()).data(), {a: 1, b: 1, m: {x: 1, y: 1, z: 1}, l: [1]});
  await document.set({a: 2, m: {x: 2, y: 2}, b: 9}, {mergeFields: ['a', 'm.y']});
  check.is('merge of fields', (await document.get()).data(), {a: 2, b: 1, m: {x: 1, y: 2, z: 1}, l: [1]});
  await document.set({m: {x: FieldValue.delete()}, b: FieldValue.delete()}, {merge: true});
  check.is('merge that deletes', (await document.get()).data(), {a: 2, m: {y: 2, z: 1}, l: [1]});
  await document.set({only: true});
  check.is('replacement', (await document.get()).data(), {only: true});
  await document.set({}, {merge: true});
  check.is('merge of nothing', (await document.get()).data(), {only: true});
  await check.db.doc('c/b').set({}, {merge: true});
  check.is('merge of nothing creates', (await check.db.doc('c/b').get()).exists, true);
});

scenario('documents/update', async check => {
  const document = check.db.doc('c/a');
  await check.fails('of a missing document', document.update({a: 1}), 'NOT_FOUND', /no document to update/i);
  await document.set({a: 1, m: {x: 1, y: 1}});
  await document.update({'m.x': 2, 'n.deep': 1, a: FieldValue.delete()});
  check.is('by paths', (await document.get()).data(), {m: {x: 2, y: 1}, n: {deep: 1}});
  await document.update({m: {only: 1}});
  check.is('of a whole map', (await document.get()).data(), {m: {only: 1}, n: {deep: 1}});
  await document.update('n.deep', 2, 'odd', 3);
  check.is('by pairs', (await document.get()).data(), {m: {only: 1}, n: {deep: 2}, odd: 3});
  await document.update({'odd.inner': 1});
  check.is('through a scalar', (await document.get()).data(), {m: {only: 1}, n: {deep: 2}, odd: {inner: 1}});
});

scenario('documents/update-precondition', async check => {
  const document = check.db.doc('c/a');
  const first = await document.set({a: 1});
  const second = await document.update({a: 2}, {lastUpdateTime: first.writeTime});
  check.ascending('each write later', first.writeTime, second.writeTime);
  await check.fails('of an old time', document.update({a: 3}, {lastUpdateTime: first.writeTime}), 'FAILED_PRECONDITION', /does not match/);
  check.is('nothing written', (await document.get()).data(), {a: 2});
  await document.delete();
  await check.fails('of a document that went', document.update({a: 3}, {lastUpdateTime: second.writeTime}), 'FAILED_PRECONDITION');
});

scenario('documents/delete', async check => {
  const document = check.db.doc('c/a');
  await document.delete();
  check.is('of a missing document', (await document.get()).exists, false);
  await check.fails('that must exist', document.delete({exists: true}), 'NOT_FOUND', /no document to update/i);
  const first = await document.set({a: 1});
  const second = await document.set({a: 2});
  await check.fails('of an old time', document.delete({lastUpdateTime: first.writeTime}), 'FAILED_PRECONDITION', /does not match/);
  await document.delete({lastUpdateTime: second.writeTime});
  check.is('of the right time', (await document.get()).exists, false);
  await document.set({a: 3});
  await document.delete({exists: true});
  check.is('of an existing document', (await document.get()).exists, false);
});

scenario('documents/many-at-once', async check => {
  const {db} = check;
  const all = Array.from({length: 400}, (_, n) => db.doc(`c/${n}`));
  await Promise.all(all.map((document, n) => document.set({n})));
  const read = await Promise.all(all.map(document => document.get()));
  check.is('each its own', read.every((snapshot, n) => snapshot.get('n') === n), true);
  const together = await db.getAll(...all);
  check.is('together', together.every((snapshot, n) => snapshot.get('n') === n), true);
});

scenario('documents/times', async check => {
  const document = check.db.doc('c/a');
  await document.set({a: 1});
  const first = await document.get();
  await document.set({a: 1});
  const same = await document.get();
  check.is('a write that changes nothing keeps the update time', same.updateTime.isEqual(first.updateTime), true);
  await document.set({a: 1.5});
  const changed = await document.get();
  check.ascending('a change moves it', first.updateTime, changed.updateTime);
  check.is('the creation stays', changed.createTime.isEqual(first.createTime), true);
  await document.delete();
  await document.set({a: 1});
  const again = await document.get();
  check.ascending('created anew', changed.updateTime, again.createTime);
});

scenario('documents/invalid', async check => {
  const {db} = check;
  await check.fails('a reserved id', db.doc('c/__a__').set({a: 1}), 'INVALID_ARGUMENT', /reserved/i);
  await check.fails('a reserved collection', db.doc('__c__/a').set({a: 1}), 'INVALID_ARGUMENT', /reserved/i);
  await check.fails('a reserved field', db.doc('c/a').set({__f__: 1}), 'INVALID_ARGUMENT', /reserved/i);
  await check.fails('a long id', db.doc(`c/${'x'.repeat(1501)}`).set({a: 1}), 'INVALID_ARGUMENT', /1500 bytes/);
  await check.fails('a long field name', db.doc('c/a').set({['x'.repeat(1501)]: 1}), 'INVALID_ARGUMENT', /1500 bytes/);
  await check.fails('an id of dots', db.doc('c/..').set({a: 1}), 'INVALID_ARGUMENT');
  await check.fails('a large document', db.doc('c/a').set(Object.fromEntries([1, 2, 3].map(n => [`f${n}`, 'x'.repeat(400_000)]))), 'INVALID_ARGUMENT', /exceeds the maximum allowed size/);
  await check.fails('a large value', db.doc('c/a').set({f: 'x'.repeat(1_048_488)}), 'INVALID_ARGUMENT', /longer than 1048487 bytes/);
  check.is('nothing was written', (await db.collection('c').get()).size, 0);
});
