import {host} from '../client.js';
import {scenario} from '../scenario.js';

scenario('databases/named', async check => {
  const other = check.open({databaseId: 'other'});
  await check.db.doc('c/a').set({in: 'default'});
  await other.doc('c/a').set({in: 'other'});
  check.is('each its own', [(await check.db.doc('c/a').get()).data(), (await other.doc('c/a').get()).data()], [{in: 'default'}, {in: 'other'}]);
  await other.doc('c/a').delete();
  check.is('deleted in one', [(await check.db.doc('c/a').get()).exists, (await other.doc('c/a').get()).exists], [true, false]);
  await other.runTransaction(async transaction => void transaction.set(other.doc('c/b'), {n: 1}));
  check.is('transactions too', (await other.collection('c').get()).size, 1);
});

scenario('databases/clear', async check => {
  const url = `http://${host}/emulator/v1/projects/${check.project}/databases`;
  const other = check.open({databaseId: 'other'});
  await check.db.doc('c/a').set({n: 1});
  await check.db.doc('c/a/s/b').set({n: 1});
  await other.doc('c/a').set({n: 1});
  const cleared = await fetch(`${url}/(default)/documents`, {method: 'DELETE'});
  check.is('answers', cleared.status, 200);
  check.is('nothing left', [(await check.db.collection('c').get()).size, (await check.db.collectionGroup('s').get()).size], [0, 0]);
  check.is('the other database stays', (await other.collection('c').get()).size, 1);
  await check.db.doc('c/a').create({n: 2});
  check.is('and it goes on', (await check.db.collection('c').get()).size, 1);
});

scenario('databases/root', async check => {
  const answer = await fetch(`http://${host}/`);
  check.is('says Ok', [answer.status, (await answer.text()).trim()], [200, 'Ok']);
});
