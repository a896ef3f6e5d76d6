import {scenario, signal} from '../scenario.js';

/** Listens to a document or a query; keeps every snapshot. */
function listen(target) {
  const {ring, until} = signal();
  const heard = {snapshots: [], error: undefined};
  const stop = target.onSnapshot(
    snapshot => {
      heard.snapshots.push(snapshot);
      ring();
    },
    error => {
      heard.error = error;
      ring();
    },
  );
  /** The snapshot number `count`, counted from one. */
  const snapshot = count => until(() => {
    if (heard.error) throw heard.error;
    return heard.snapshots[count - 1];
  });
  /** The first snapshot from number `from` on for which `holds`. */
  const first = (holds, from = 0) => until(() => {
    if (heard.error) throw heard.error;
    return heard.snapshots.slice(from).find(holds);
  });
  return {heard, snapshot, first, stop, error: () => until(() => heard.error)};
}

const changes = snapshot => snapshot.docChanges().map(({type, doc, oldIndex, newIndex}) => [type, doc.id, oldIndex, newIndex]);
const ids = snapshot => snapshot.docs.map(doc => doc.id);

scenario('listeners/document', async check => {
  const document = check.db.doc('c/a');
  const listener = listen(document);
  check.is('missing at first', (await listener.snapshot(1)).exists, false);
  await document.create({n: 1});
  check.is('created', (await listener.snapshot(2)).data(), {n: 1});
  const {writeTime} = await document.update({n: 2});
  const updated = await listener.snapshot(3);
  check.is('updated', updated.data(), {n: 2});
  check.is('with the time of the write', updated.updateTime.isEqual(writeTime), true);
  check.is('read at or after it', updated.readTime >= writeTime, true);
  await document.update({n: 2});
  await check.db.doc('c/other').set({n: 1});
  await document.delete();
  check.is('deleted, and nothing in between', (await listener.snapshot(4)).exists, false);
  await document.set({n: 3});
  check.is('created anew', (await listener.snapshot(5)).data(), {n: 3});
  listener.stop();
});

scenario('listeners/query', async check => {
  const {db} = check;
  await db.doc('c/a').set({n: 1});
  await db.doc('c/b').set({n: 2});
  const listener = listen(db.collection('c').where('n', '>', 0).orderBy('n'));
  const first = await listener.snapshot(1);
  check.is('at first', changes(first), [['added', 'a', -1, 0], ['added', 'b', -1, 1]]);
  await db.doc('c/c').set({n: 1.5});
  check.is('added between', changes(await listener.snapshot(2)), [['added', 'c', -1, 1]]);
  await db.doc('c/a').update({n: 9});
  check.is('moved', changes(await listener.snapshot(3)), [['modified', 'a', 0, 2]]);
  await db.doc('c/c').update({other: true});
  check.is('changed in place', changes(await listener.snapshot(4)), [['modified', 'c', 0, 0]]);
  await db.doc('c/b').update({n: -1});
  check.is('no longer matching', changes(await listener.snapshot(5)), [['removed', 'b', 1, -1]]);
  await db.doc('c/none').set({n: 'text'});
  await db.doc('c/a').delete();
  const last = await listener.snapshot(6);
  check.is('deleted', changes(last), [['removed', 'a', 1, -1]]);
  check.is('left', ids(last), ['c']);
  check.is('read times rise', listener.heard.snapshots.every((snapshot, n, all) => n === 0 || snapshot.readTime >= all[n - 1].readTime), true);
  listener.stop();
});

scenario('listeners/batch', async check => {
  const {db} = check;
  await db.batch().set(db.doc('c/a'), {n: 1}).set(db.doc('c/b'), {n: 2}).commit();
  const listener = listen(db.collection('c').orderBy('n'));
  await listener.snapshot(1);
  await db.batch().update(db.doc('c/a'), {n: 3}).delete(db.doc('c/b')).set(db.doc('c/c'), {n: 1}).commit();
  const after = await listener.snapshot(2);
  check.is('a commit is seen whole', [ids(after), changes(after)], [['c', 'a'], [['removed', 'b', 1, -1], ['added', 'c', -1, 1], ['modified', 'a', 0, 1]]]);
  listener.stop();
});

scenario('listeners/limit', async check => {
  const {db} = check;
  await db.batch().set(db.doc('c/a'), {n: 1}).set(db.doc('c/b'), {n: 2}).set(db.doc('c/c'), {n: 3}).commit();
  const listener = listen(db.collection('c').orderBy('n').limit(2));
  check.is('at first', ids(await listener.snapshot(1)), ['a', 'b']);
  await db.doc('c/0').set({n: 0});
  check.is('one pushed out', changes(await listener.snapshot(2)), [['removed', 'b', 1, -1], ['added', '0', -1, 0]]);
  await db.doc('c/a').delete();
  check.is('one moves up', changes(await listener.snapshot(3)), [['removed', 'a', 1, -1], ['added', 'b', -1, 1]]);
  await db.doc('c/c').update({n: 0.5});
  check.is('one overtakes', ids(await listener.snapshot(4)), ['0', 'c']);
  listener.stop();
});

scenario('listeners/limit-to-last', async check => {
  const {db} = check;
  await db.batch().set(db.doc('c/a'), {n: 1}).set(db.doc('c/b'), {n: 2}).set(db.doc('c/c'), {n: 3}).commit();
  const listener = listen(db.collection('c').orderBy('n').limitToLast(2));
  check.is('at first', ids(await listener.snapshot(1)), ['b', 'c']);
  await db.doc('c/d').set({n: 4});
  check.is('then', ids(await listener.snapshot(2)), ['c', 'd']);
  listener.stop();
});

scenario('listeners/kinds', async check => {
  const {db} = check;
  await db.batch().set(db.doc('c/a'), {n: 1, m: 1}).set(db.doc('p/x/c/b'), {n: 2, m: 1}).set(db.doc('d/a'), {n: 3}).commit();
  const group = listen(db.collectionGroup('c').orderBy('n'));
  check.is('a group', ids(await group.snapshot(1)), ['a', 'b']);
  const selected = listen(db.collection('c').select('m'));
  check.is('a selection', (await selected.snapshot(1)).docs[0].data(), {m: 1});
  const empty = listen(db.collection('none'));
  check.is('an empty collection', (await empty.snapshot(1)).size, 0);
  const cursor = listen(db.collectionGroup('c').orderBy('n').startAfter(1));
  check.is('a cursor', ids(await cursor.snapshot(1)), ['b']);
  await db.doc('p/y/c/c').set({n: 5});
  check.is('the group grows', ids(await group.snapshot(2)), ['a', 'b', 'c']);
  check.is('so does what lies after the cursor', ids(await cursor.snapshot(2)), ['b', 'c']);
  for (const listener of [group, selected, empty, cursor]) listener.stop();
});

scenario('listeners/several', async check => {
  const {db} = check;
  const listeners = Array.from({length: 10}, (_, n) => listen(db.collection('c').where('n', '==', n)));
  await Promise.all(listeners.map(listener => listener.snapshot(1)));
  await Promise.all(listeners.map((_, n) => db.doc(`c/${n}`).set({n})));
  const seen = await Promise.all(listeners.map(listener => listener.first(snapshot => snapshot.size === 1)));
  check.is('each hears its own', seen.map(ids), listeners.map((_, n) => [String(n)]));
  listeners[0].stop();
  const before = listeners[0].heard.snapshots.length;
  await db.batch().set(db.doc('c/x'), {n: 0}).set(db.doc('c/y'), {n: 1}).commit();
  await listeners[1].first(snapshot => snapshot.size === 2);
  check.is('one that was stopped hears nothing', listeners[0].heard.snapshots.length, before);
  for (const listener of listeners) listener.stop();
});

scenario('listeners/many', async check => {
  const {db} = check;
  const listeners = Array.from({length: 120}, (_, n) => listen(db.doc(`c/${n}`)));
  await Promise.all(listeners.map(listener => listener.snapshot(1)));
  const batch = db.batch();
  listeners.forEach((_, n) => batch.set(db.doc(`c/${n}`), {n}));
  await batch.commit();
  const seen = await Promise.all(listeners.map(listener => listener.snapshot(2)));
  check.is('each its own', seen.every((snapshot, n) => snapshot.get('n') === n), true);
  for (const listener of listeners) listener.stop();
});

scenario('listeners/again', async check => {
  const {db} = check;
  const query = db.collection('c');
  for (let round = 1; round <= 5; round++) {
    await db.doc(`c/${round}`).set({round});
    const listener = listen(query);
    check.is(`round ${round}`, (await listener.snapshot(1)).size, round);
    listener.stop();
  }
});

scenario('listeners/transaction', async check => {
  const {db} = check;
  const listener = listen(db.collection('c').orderBy('n'));
  await listener.snapshot(1);
  await db.runTransaction(async transaction => {
    await transaction.get(db.doc('c/a'));
    transaction.set(db.doc('c/a'), {n: 1});
    transaction.set(db.doc('c/b'), {n: 2});
  });
  check.is('seen whole', ids(await listener.snapshot(2)), ['a', 'b']);
  listener.stop();
});

scenario('listeners/burst', async check => {
  const {db} = check;
  const listener = listen(db.collection('c'));
  await listener.snapshot(1);
  const writer = db.bulkWriter();
  for (let n = 0; n < 300; n++) writer.set(db.doc(`c/${String(n).padStart(3, '0')}`), {n});
  await writer.close();
  const last = await listener.first(snapshot => snapshot.size === 300);
  check.is('all of a burst', last.docs.every((doc, n) => doc.get('n') === n), true);
  const added = listener.heard.snapshots.flatMap(snapshot => snapshot.docChanges()).filter(change => change.type === 'added');
  check.is('each added once', added.length, 300);
  listener.stop();
});

scenario('listeners/invalid', async check => {
  const {db} = check;
  const listener = listen(db.collection('c').where('n', 'in', Array.from({length: 31}, (_, n) => n)));
  const error = await listener.error();
  check.is('its error', [error.message.slice(0, 7), /30/.test(error.message)], ['Error 3', true]);
  const fine = listen(db.collection('c'));
  check.is('others go on', (await fine.snapshot(1)).size, 0);
  fine.stop();
});
