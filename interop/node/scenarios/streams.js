// Listen and Write as the generated client speaks them.
import {failure, scenario, signal} from '../scenario.js';

const fields = n => ({n: {integerValue: String(n)}});

/** A stream of both directions; keeps every message. */
function open(stream) {
  const {ring, until} = signal();
  const messages = [];
  let error;
  let ended = false;
  let read = 0;
  stream.on('data', message => {
    messages.push(message);
    ring();
  });
  stream.on('error', reason => {
    error = reason;
    ring();
  });
  stream.on('end', () => {
    ended = true;
    ring();
  });
  return {
    send: message => stream.write(message),
    next: () => until(() => {
      if (read < messages.length) return messages[read++];
      if (error) throw error;
      if (ended) throw new Error('the stream ended');
    }),
    error: () => until(() => error && failure(error)),
    ended: () => until(() => ended || error),
    stop: () => stream.end(),
    cancel: () => stream.cancel(),
  };
}

/** What a Listen message says, without tokens and times. */
function describe(message) {
  if (message.targetChange) {
    const {targetChangeType, targetIds, cause} = message.targetChange;
    return cause?.code ? [targetChangeType, targetIds, cause.code] : [targetChangeType, targetIds];
  }
  const change = message.documentChange ?? message.documentDelete ?? message.documentRemove;
  if (!change) return Object.keys(message).filter(key => message[key]);
  const name = (change.document?.name ?? change.document).split('/documents/')[1];
  const kind = message.documentChange ? 'change' : message.documentDelete ? 'delete' : 'remove';
  return [kind, name, change.targetIds ?? [], change.removedTargetIds];
}

const isSnapshot = ({targetChange}) => targetChange?.targetChangeType === 'NO_CHANGE' && targetChange.targetIds.length === 0 && targetChange.readTime;

/** What happens until the next consistent snapshot. */
async function untilSnapshot(stream) {
  const seen = [];
  for (;;) {
    const message = await stream.next();
    if (isSnapshot(message)) return {seen: seen.map(describe), token: message.targetChange.resumeToken, readTime: message.targetChange.readTime};
    seen.push(message);
  }
}

function listening(check) {
  const {client, database, root} = check.raw();
  const stream = open(client.listen());
  const names = ids => ids.map(id => `${root}/c/${id}`);
  return {
    ...stream,
    database,
    client,
    root,
    documents: (targetId, ids, rest = {}) => stream.send({database, addTarget: {targetId, documents: {documents: names(ids)}, ...rest}}),
    query: (targetId, collectionId, rest = {}, query = {}) => stream.send({database, addTarget: {targetId, query: {parent: root, structuredQuery: {from: [{collectionId}], ...query}}, ...rest}}),
    remove: targetId => stream.send({database, removeTarget: targetId}),
  };
}

const sorted = messages => [...messages].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

scenario('streams/listen-documents', async check => {
  await check.db.doc('c/a').set({n: 1});
  const stream = listening(check);
  stream.documents(1, ['a', 'b']);
  const first = await untilSnapshot(stream);
  check.is('at first', sorted(first.seen), sorted([['ADD', [1]], ['change', 'c/a', [1], []], ['delete', 'c/b', [], [1]], ['CURRENT', [1]]]));
  await check.db.doc('c/b').set({n: 2});
  check.is('a change', (await untilSnapshot(stream)).seen.filter(([kind, name]) => kind === 'change' && name === 'c/b').length, 1);
  stream.cancel();
});

scenario('streams/listen-query', async check => {
  await check.db.doc('c/a').set({n: 1});
  const stream = listening(check);
  const where = {fieldFilter: {field: {fieldPath: 'n'}, op: 'GREATER_THAN', value: {integerValue: '0'}}};
  stream.query(7, 'c', {}, {where});
  check.is('at first', (await untilSnapshot(stream)).seen, [['ADD', [7]], ['change', 'c/a', [7], []], ['CURRENT', [7]]]);
  await check.db.doc('c/b').set({n: 2});
  check.is('only what changed', (await untilSnapshot(stream)).seen, [['change', 'c/b', [7], []]]);
  await check.db.doc('c/b').set({n: 0});
  const left = (await untilSnapshot(stream)).seen;
  check.is('what leaves', left.map(([kind, name]) => [kind === 'change' ? 'change or remove' : kind === 'remove' ? 'change or remove' : kind, name]), [['change or remove', 'c/b']]);
  await check.db.doc('c/a').delete();
  check.is('what is deleted', (await untilSnapshot(stream)).seen.map(([kind, name]) => [kind, name]), [['delete', 'c/a']]);
  stream.cancel();
});

scenario('streams/listen-several', async check => {
  await check.db.doc('c/a').set({n: 1});
  const stream = listening(check);
  stream.query(1, 'c');
  stream.documents(2, ['a']);
  stream.query(3, 'd');
  const current = new Set();
  while (current.size < 3) {
    const message = await stream.next();
    if (message.targetChange?.targetChangeType === 'CURRENT') message.targetChange.targetIds.forEach(id => current.add(id));
  }
  check.is('all become current', [...current].sort(), [1, 2, 3]);
  stream.remove(1);
  let removed;
  while (!removed) {
    const message = await stream.next();
    if (message.targetChange?.targetChangeType === 'REMOVE') removed = message;
  }
  check.is('one is removed', describe(removed), ['REMOVE', [1]]);
  await check.db.doc('d/x').set({n: 1});
  let heard;
  while (!heard) {
    const message = await stream.next();
    if (message.documentChange?.document.name.endsWith('/d/x')) heard = message;
  }
  check.is('the others go on', heard.documentChange.targetIds, [3]);
  stream.cancel();
});

scenario('streams/listen-resume', async check => {
  await check.db.doc('c/a').set({n: 1});
  await check.db.doc('c/b').set({n: 1});
  const first = listening(check);
  first.query(1, 'c');
  const {token, readTime} = await untilSnapshot(first);
  check.is('a token', token.length > 0, true);
  first.cancel();
  await check.db.doc('c/b').delete();
  await check.db.doc('c/c').set({n: 2});
  const state = changes => changes.filter(([kind]) => ['change', 'delete', 'remove', 'RESET'].includes(kind)).map(([kind, name]) => [kind, name]);
  const byToken = listening(check);
  byToken.query(1, 'c', {resumeToken: token});
  check.is('by token: what changed since', sorted(state((await untilSnapshot(byToken)).seen)), sorted([['change', 'c/c'], ['delete', 'c/b']]));
  byToken.cancel();
  const byTime = listening(check);
  byTime.query(1, 'c', {readTime});
  check.is('by time: what changed since', sorted(state((await untilSnapshot(byTime)).seen)), sorted([['change', 'c/c'], ['delete', 'c/b']]));
  byTime.cancel();
});

scenario('streams/listen-expected-count', async check => {
  for (const id of ['a', 'b', 'c']) await check.db.doc(`c/${id}`).set({n: 1});
  const first = listening(check);
  first.query(1, 'c');
  const {token} = await untilSnapshot(first);
  first.cancel();
  const right = listening(check);
  right.query(1, 'c', {resumeToken: token, expectedCount: {value: 3}});
  check.is('nothing to say', (await untilSnapshot(right)).seen.filter(([kind]) => kind === 'filter' || kind === 'change'), []);
  right.cancel();
  const wrong = listening(check);
  wrong.query(1, 'c', {resumeToken: token, expectedCount: {value: 7}});
  const messages = [];
  while (!messages.some(message => message.targetChange?.targetChangeType === 'CURRENT')) messages.push(await wrong.next());
  const filters = messages.filter(message => message.filter);
  check.is('how many there are', filters.map(({filter}) => [filter.targetId, filter.count]), [[1, 3]]);
  wrong.cancel();
});

scenario('streams/listen-bad-token', async check => {
  const stream = listening(check);
  stream.query(1, 'c', {resumeToken: Buffer.from('nonsense')});
  const seen = [];
  try {
    while (!seen.some(([kind]) => kind === 'CURRENT' || kind === 'REMOVE')) seen.push(describe(await stream.next()));
  } catch (error) {
    seen.push(['error', [], error.code]);
  }
  check.is('refused', seen.at(-1), ['REMOVE', [1], 3]);
  stream.cancel();
});

scenario('streams/listen-once', async check => {
  await check.db.doc('c/a').set({n: 1});
  const stream = listening(check);
  stream.query(1, 'c', {once: true});
  const seen = [];
  // A server that ignores `once` sends a snapshot and then nothing: the second target shows its silence.
  let snapshots = 0;
  while (snapshots < 2 && !seen.some(([kind]) => kind === 'REMOVE')) {
    const message = await stream.next();
    seen.push(describe(message));
    if (isSnapshot(message) && ++snapshots === 1) await check.db.doc('c/b').set({n: 2});
  }
  check.is('removed once it is current', seen.filter(([kind]) => kind === 'REMOVE'), [['REMOVE', [1]]]);
  stream.cancel();
}, {seconds: 15});

scenario('streams/listen-invalid', async check => {
  const stream = listening(check);
  stream.query(1, 'c', {}, {limit: {value: -1}});
  const seen = [];
  while (!seen.some(([kind]) => kind === 'REMOVE')) seen.push(describe(await stream.next()));
  check.is('the target ends', seen.at(-1), ['REMOVE', [1], 3]);
  stream.query(2, 'c');
  while (!seen.some(([kind, ids]) => kind === 'CURRENT' && ids[0] === 2)) seen.push(describe(await stream.next()));
  check.is('the stream goes on', seen.at(-1), ['CURRENT', [2]]);
  stream.cancel();
});

scenario('streams/listen-ends', async check => {
  const stream = listening(check);
  stream.query(1, 'c');
  await untilSnapshot(stream);
  stream.stop();
  check.is('when the client ends it', Boolean(await stream.ended()), true);
});

function writing(check) {
  const {client, database, root} = check.raw();
  const stream = open(client.write());
  return {...stream, database, root, set: (id, n) => ({update: {name: `${root}/c/${id}`, fields: fields(n)}})};
}

scenario('streams/write', async check => {
  const stream = writing(check);
  stream.send({database: stream.database});
  const hello = await stream.next();
  check.is('a greeting', [hello.streamId.length > 0, hello.streamToken.length > 0, hello.writeResults.length], [true, true, 0]);
  stream.send({streamToken: hello.streamToken, writes: [stream.set('a', 1), stream.set('b', 2)]});
  const first = await stream.next();
  check.is('results', first.writeResults.length, 2);
  stream.send({streamToken: first.streamToken, writes: [stream.set('a', 3)]});
  const second = await stream.next();
  check.ascending('in order', first.commitTime, second.commitTime);
  check.is('written', (await check.db.doc('c/a').get()).data(), {n: 3});
  stream.stop();
  await stream.ended();
});

scenario('streams/write-refused', async check => {
  await check.db.doc('c/a').set({n: 1});
  const stream = writing(check);
  stream.send({database: stream.database});
  const {streamToken} = await stream.next();
  stream.send({streamToken, writes: [{...stream.set('a', 2), currentDocument: {exists: false}}]});
  check.is('ends the stream', (await stream.error()).code, 'ALREADY_EXISTS');
  check.is('nothing written', (await check.db.doc('c/a').get()).data(), {n: 1});
});
