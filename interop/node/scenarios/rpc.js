// What only the generated client can ask.
import {scenario} from '../scenario.js';

const int = n => ({integerValue: String(n)});
const n = value => ({n: int(value)});
const number = document => Number(document.fields.n.integerValue);
const short = name => name.split('/documents/')[1];

scenario('rpc/create-document', async check => {
  const {client, root} = check.raw();
  const [made] = await client.createDocument({parent: root, collectionId: 'c', documentId: 'a', document: {fields: n(1)}});
  check.is('named', [short(made.name), number(made)], ['c/a', 1]);
  check.ascending('times', {seconds: 0, nanos: 0}, made.createTime);
  check.is('created when updated', [made.createTime.seconds === made.updateTime.seconds, made.createTime.nanos === made.updateTime.nanos], [true, true]);
  await check.fails('a second time', client.createDocument({parent: root, collectionId: 'c', documentId: 'a', document: {fields: n(2)}}), 'ALREADY_EXISTS', /already exists/);
  const [named] = await client.createDocument({parent: root, collectionId: 'c', document: {fields: n(2)}});
  check.is('an id of the server', /^c\/[A-Za-z0-9]{20}$/.test(short(named.name)), true);
  const [masked] = await client.createDocument({parent: `${root}/c/a`, collectionId: 's', documentId: 'b', document: {fields: {...n(1), m: int(2)}}, mask: {fieldPaths: ['m']}});
  check.is('masked', [short(masked.name), Object.keys(masked.fields)], ['c/a/s/b', ['m']]);
});

scenario('rpc/get-document', async check => {
  const {client, root} = check.raw();
  await check.fails('missing', client.getDocument({name: `${root}/c/a`}), 'NOT_FOUND', /not found/i);
  const [first] = await client.createDocument({parent: root, collectionId: 'c', documentId: 'a', document: {fields: {...n(1), m: {mapValue: {fields: {x: int(1), y: int(2)}}}}}});
  await client.updateDocument({document: {name: `${root}/c/a`, fields: n(2)}, updateMask: {fieldPaths: ['n']}});
  const [now] = await client.getDocument({name: `${root}/c/a`, mask: {fieldPaths: ['m.y', 'n']}});
  check.is('masked', [number(now), Object.keys(now.fields.m.mapValue.fields)], [2, ['y']]);
  const [then] = await client.getDocument({name: `${root}/c/a`, readTime: first.updateTime});
  check.is('at a time', number(then), 1);
  await check.fails('a broken mask', client.getDocument({name: `${root}/c/a`, mask: {fieldPaths: ['a..b']}}), 'INVALID_ARGUMENT');
  const [{transaction}] = await client.beginTransaction({database: check.raw().database, options: {readOnly: {}}});
  const [inside] = await client.getDocument({name: `${root}/c/a`, transaction});
  check.is('in a transaction', number(inside), 2);
});

scenario('rpc/update-document', async check => {
  const {client, root} = check.raw();
  const name = `${root}/c/a`;
  const [made] = await client.updateDocument({document: {name, fields: n(1)}});
  check.is('creates', number(made), 1);
  await check.fails('must not exist', client.updateDocument({document: {name, fields: n(2)}, currentDocument: {exists: false}}), 'ALREADY_EXISTS');
  await check.fails('must exist', client.updateDocument({document: {name: `${root}/c/b`, fields: n(2)}, currentDocument: {exists: true}}), 'NOT_FOUND');
  const [merged] = await client.updateDocument({document: {name, fields: {m: int(2)}}, updateMask: {fieldPaths: ['m', 'gone']}, currentDocument: {updateTime: made.updateTime}});
  check.is('merges', Object.keys(merged.fields).sort(), ['m', 'n']);
  await check.fails('an old time', client.updateDocument({document: {name, fields: n(3)}, currentDocument: {updateTime: made.updateTime}}), 'FAILED_PRECONDITION', /does not match/);
  const [masked] = await client.updateDocument({document: {name, fields: n(4)}, mask: {fieldPaths: ['n']}});
  check.is('answers what was asked for', Object.keys(masked.fields), ['n']);
});

scenario('rpc/delete-document', async check => {
  const {client, root} = check.raw();
  await client.deleteDocument({name: `${root}/c/a`});
  await check.fails('must exist', client.deleteDocument({name: `${root}/c/a`, currentDocument: {exists: true}}), 'NOT_FOUND');
  await client.createDocument({parent: root, collectionId: 'c', documentId: 'a', document: {fields: n(1)}});
  await client.deleteDocument({name: `${root}/c/a`, currentDocument: {exists: true}});
  await check.fails('gone', client.getDocument({name: `${root}/c/a`}), 'NOT_FOUND');
});

scenario('rpc/list-documents', async check => {
  const {client, root} = check.raw();
  for (const id of ['a', 'b', 'c', 'd', 'e']) await client.createDocument({parent: root, collectionId: 'c', documentId: id, document: {fields: {...n(id.charCodeAt(0)), m: int(1)}}});
  await client.createDocument({parent: `${root}/c/bb`, collectionId: 's', documentId: 'x', document: {}});
  const page = async request => {
    const [documents, , response] = await client.listDocuments({parent: root, collectionId: 'c', pageSize: 2, ...request}, {autoPaginate: false});
    return {ids: documents.map(document => document.name.split('/').pop()), next: response.nextPageToken, documents};
  };
  const first = await page({});
  const second = await page({pageToken: first.next});
  const third = await page({pageToken: second.next});
  check.is('pages', [first.ids, second.ids, third.ids, third.next], [['a', 'b'], ['c', 'd'], ['e'], '']);
  const missing = await page({showMissing: true, pageSize: 10, mask: {fieldPaths: []}});
  check.is('with missing', missing.ids, ['a', 'b', 'bb', 'c', 'd', 'e']);
  check.is('a missing one has no times', [missing.documents[2].createTime, missing.documents[2].updateTime], [null, null]);
  check.is('ordered', (await page({orderBy: 'n desc'})).ids, ['e', 'd']);
  check.is('masked', Object.keys((await page({mask: {fieldPaths: ['m']}})).documents[0].fields), ['m']);
  await check.fails('missing ones have no order', page({showMissing: true, orderBy: 'n'}), 'INVALID_ARGUMENT');
  await check.fails('a token of nobody', page({pageToken: 'nonsense'}), 'INVALID_ARGUMENT');
});

scenario('rpc/list-documents-by-two-fields', async check => {
  const {client, root} = check.raw();
  for (const [id, m] of [['a', 1], ['b', 2], ['c', 1], ['d', 2]]) await client.createDocument({parent: root, collectionId: 'c', documentId: id, document: {fields: {...n(id.charCodeAt(0)), m: int(m)}}});
  const page = async pageToken => {
    const [documents, , response] = await client.listDocuments({parent: root, collectionId: 'c', pageSize: 3, orderBy: 'm, n desc', pageToken}, {autoPaginate: false});
    return {ids: documents.map(document => document.name.split('/').pop()), next: response.nextPageToken};
  };
  const first = await page('');
  check.is('the first page', first.ids, ['c', 'a', 'd']);
  await check.fails('the token of another order', client.listDocuments({parent: root, collectionId: 'c', pageSize: 3, orderBy: 'n', pageToken: first.next}, {autoPaginate: false}), 'INVALID_ARGUMENT');
  check.is('the second page', (await page(first.next)).ids, ['b']);
});

scenario('rpc/list-collection-ids', async check => {
  const {client, root} = check.raw();
  for (const id of ['a', 'b', 'c']) await client.createDocument({parent: root, collectionId: id, documentId: 'x', document: {}});
  const page = async pageToken => {
    const [ids, , response] = await client.listCollectionIds({parent: root, pageSize: 2, pageToken}, {autoPaginate: false});
    return {ids, next: response.nextPageToken};
  };
  const first = await page('');
  const second = await page(first.next);
  check.is('pages', [first.ids, second.ids, second.next], [['a', 'b'], ['c'], '']);
});

const gather = stream => new Promise((resolve, reject) => {
  const messages = [];
  stream.on('data', message => messages.push(message)).on('end', () => resolve(messages)).on('error', reject);
});

scenario('rpc/batch-get', async check => {
  const {client, root, database} = check.raw();
  await client.createDocument({parent: root, collectionId: 'c', documentId: 'a', document: {fields: n(1)}});
  const documents = [`${root}/c/a`, `${root}/c/none`];
  const messages = await gather(client.batchGetDocuments({database, documents, newTransaction: {readWrite: {}}}));
  const begun = messages.filter(message => message.transaction.length > 0);
  check.is('one transaction, in the first message', [begun.length, begun[0] === messages[0]], [1, true]);
  check.is('found and missing', messages.filter(message => message.found || message.missing).map(message => short(message.found?.name ?? message.missing)).sort(), ['c/a', 'c/none']);
  const [committed] = await client.commit({database, transaction: begun[0].transaction, writes: [{update: {name: `${root}/c/b`, fields: n(2)}}]});
  check.is('which commits', committed.writeResults.length, 1);
  await check.fails('once', client.commit({database, transaction: begun[0].transaction, writes: []}), 'INVALID_ARGUMENT');
  const nothing = await gather(client.batchGetDocuments({database, documents: [], newTransaction: {readOnly: {}}}));
  check.is('a transaction without documents', nothing.map(message => message.transaction.length > 0), [true]);
  const foreign = client.batchGetDocuments({database, documents: [`projects/${check.project}/databases/other/documents/c/a`]});
  await check.fails('a document of another database', gather(foreign), 'INVALID_ARGUMENT');
});

const from = (collectionId, rest = {}) => ({structuredQuery: {from: [{collectionId}], ...rest}});

scenario('rpc/run-query', async check => {
  const {client, root, database} = check.raw();
  for (const id of ['a', 'b', 'c']) await client.createDocument({parent: root, collectionId: 'c', documentId: id, document: {fields: n(id.charCodeAt(0))}});
  const run = request => gather(client.runQuery({parent: root, ...request}));
  const names = messages => messages.filter(message => message.document).map(message => short(message.document.name));
  const begun = await run({...from('c'), newTransaction: {readWrite: {}}});
  const transaction = begun[0].transaction;
  check.is('begins a transaction', [transaction.length > 0, names(begun)], [true, ['c/a', 'c/b', 'c/c']]);
  check.is('goes on in it', names(await run({...from('c', {limit: {value: 1}}), transaction})), ['c/a']);
  await client.rollback({database, transaction});
  const empty = await run(from('none'));
  check.is('an empty answer has a read time', [empty.length, empty[0].document, Number(empty[0].readTime.seconds) > 0], [1, null, true]);
  const skipped = await run(from('c', {offset: 2}));
  check.is('an offset', names(skipped), ['c/c']);
  check.is('what it skips is counted', skipped.reduce((sum, message) => sum + message.skippedResults, 0), 2);
  check.is('every collection', names(await run({structuredQuery: {from: [{collectionId: '', allDescendants: true}]}})), ['c/a', 'c/b', 'c/c']);
  check.is('limit 0', names(await run(from('c', {limit: {value: 0}}))), []);
  // The client repeats a refused stream for seven seconds before it says so.
  await Promise.all([
    check.fails('a negative limit', run(from('c', {limit: {value: -1}})), 'INVALID_ARGUMENT'),
    check.fails('an order by a name and more', run(from('c', {orderBy: ['__name__', 'n'].map(fieldPath => ({field: {fieldPath}, direction: 'ASCENDING'}))})), 'INVALID_ARGUMENT'),
    check.fails('a cursor with too many values', run(from('c', {orderBy: [{field: {fieldPath: 'n'}, direction: 'ASCENDING'}], startAt: {values: [int(1), int(2)]}})), 'INVALID_ARGUMENT', /too many values/),
    check.fails('an unfinished field path', run(from('c', {where: {fieldFilter: {field: {fieldPath: 'a.'}, op: 'EQUAL', value: int(1)}}})), 'INVALID_ARGUMENT'),
  ]);
});

scenario('rpc/run-aggregation', async check => {
  const {client, root, database} = check.raw();
  for (const id of ['a', 'b', 'c']) await client.createDocument({parent: root, collectionId: 'c', documentId: id, document: {fields: n(id.charCodeAt(0) - 96)}});
  const run = (aggregations, rest = {}) => gather(client.runAggregationQuery({parent: root, structuredAggregationQuery: {...from('c'), aggregations}, ...rest}));
  const fields = messages => Object.fromEntries(Object.entries(messages.at(-1).result.aggregateFields).map(([alias, value]) => [alias, value[value.valueType]]));
  check.is('without an alias', fields(await run([{count: {}}])), {field_1: '3'});
  check.is('up to', fields(await run([{count: {upTo: {value: 2}}, alias: 'n'}])), {n: '2'});
  check.is('three', fields(await run([{count: {}, alias: 'n'}, {sum: {field: {fieldPath: 'n'}}, alias: 's'}, {avg: {field: {fieldPath: 'n'}}, alias: 'a'}])), {n: '3', s: '6', a: 2});
  await Promise.all([
    check.fails('the same alias twice', run([{count: {}, alias: 'n'}, {count: {}, alias: 'n'}]), 'INVALID_ARGUMENT'),
    check.fails('more than five', run(['a', 'b', 'c', 'd', 'e', 'f'].map(alias => ({count: {}, alias}))), 'INVALID_ARGUMENT'),
    check.fails('none', run([]), 'INVALID_ARGUMENT'),
  ]);
  const begun = await run([{count: {}, alias: 'n'}], {newTransaction: {readWrite: {}}});
  check.is('begins a transaction', begun[0].transaction.length > 0, true);
  await client.rollback({database, transaction: begun[0].transaction});
});

scenario('rpc/transactions', async check => {
  const {client, root, database} = check.raw();
  const name = `${root}/c/a`;
  const [{writeResults: [{updateTime}]}] = await client.commit({database, writes: [{update: {name, fields: n(1)}}]});
  await client.commit({database, writes: [{update: {name, fields: n(2)}}]});
  const begin = async options => (await client.beginTransaction({database, options}))[0].transaction;
  const past = await begin({readOnly: {readTime: updateTime}});
  check.is('read only at a time', number((await client.getDocument({name, transaction: past}))[0]), 1);
  await check.fails('which does not write', client.commit({database, transaction: past, writes: [{delete: name}]}), 'INVALID_ARGUMENT', /read-only/i);
  const done = await begin({readWrite: {}});
  await client.rollback({database, transaction: done});
  await check.fails('after its rollback', client.commit({database, transaction: done, writes: [{delete: name}]}), 'INVALID_ARGUMENT');
  const retried = await begin({readWrite: {retryTransaction: done}});
  await client.getDocument({name, transaction: retried});
  const [committed] = await client.commit({database, transaction: retried, writes: [{update: {name, fields: n(3)}}]});
  check.is('a retry commits', committed.writeResults.length, 1);
  await check.fails('of nobody', client.commit({database, transaction: Buffer.from('nonsense'), writes: []}), 'INVALID_ARGUMENT');
  await check.fails('a rollback of nobody', client.rollback({database, transaction: Buffer.from('nonsense')}), 'INVALID_ARGUMENT');
  check.is('the last write stays', number((await client.getDocument({name}))[0]), 3);
});

scenario('rpc/commit', async check => {
  const {client, root, database} = check.raw();
  const name = `${root}/c/a`;
  const commit = writes => client.commit({database, writes});
  const transform = fieldTransforms => ({update: {name, fields: {}}, updateMask: {fieldPaths: []}, updateTransforms: fieldTransforms});
  await commit([{update: {name, fields: n(5)}}]);
  const [{writeResults: [{transformResults}]}] = await commit([transform([
    {fieldPath: 'n', increment: int(2)}, {fieldPath: 'max', maximum: int(3)}, {fieldPath: 'min', minimum: {doubleValue: 0.5}}, {fieldPath: 'l', appendMissingElements: {values: [int(1)]}},
  ])]);
  check.is('results of transforms', transformResults.map(value => value[value.valueType]), ['7', '3', 0.5, 'NULL_VALUE']);
  await commit([transform([{fieldPath: 'n', maximum: int(9)}, {fieldPath: 'max', minimum: int(1)}, {fieldPath: 'min', maximum: {doubleValue: NaN}}])]);
  const [{fields}] = await client.getDocument({name});
  check.is('maximum and minimum', [fields.n, fields.max, fields.min].map(value => value[value.valueType]), ['9', '1', NaN]);
  const [{writeResults: [same], commitTime}] = await commit([{transform: {document: name, fieldTransforms: [{fieldPath: 'n', increment: int(0)}]}}]);
  check.ascending('a write without effect keeps the time', same.updateTime, commitTime);
  const [deleted] = await commit([{delete: name}]);
  check.is('a deletion has no time', deleted.writeResults[0].updateTime, null);
  await check.fails('a document of another database', commit([{delete: `projects/${check.project}/databases/other/documents/c/a`}]), 'INVALID_ARGUMENT');
  await check.fails('a broken name', commit([{delete: `${root}/c`}]), 'INVALID_ARGUMENT');
  await check.fails('an empty field name', commit([{update: {name, fields: {'': int(1)}}}]), 'INVALID_ARGUMENT');
  let deep = int(1);
  for (let depth = 0; depth < 21; depth++) deep = {mapValue: {fields: {m: deep}}};
  await check.fails('deep maps', commit([{update: {name, fields: {deep}}}]), 'INVALID_ARGUMENT');
  await check.fails('an array in an array', commit([{update: {name, fields: {a: {arrayValue: {values: [{arrayValue: {}}]}}}}}]), 'INVALID_ARGUMENT', /nested array|array/i);
});

scenario('rpc/values-refused', async check => {
  const {client, root, database} = check.raw();
  const write = value => client.commit({database, writes: [{update: {name: `${root}/c/a`, fields: {v: value}}}]});
  const refused = (step, value) => check.fails(step, write(value), 'INVALID_ARGUMENT');
  await refused('a latitude of 91', {geoPointValue: {latitude: 91, longitude: 0}});
  await refused('a longitude of 181', {geoPointValue: {latitude: 0, longitude: 181}});
  await refused('the year 10000', {timestampValue: {seconds: 253402300800, nanos: 0}});
  await refused('the year 0', {timestampValue: {seconds: -62135596801, nanos: 0}});
  await refused('a billion nanoseconds', {timestampValue: {seconds: 0, nanos: 1_000_000_000}});
  await refused('a reference to a collection', {referenceValue: `${root}/c`});
  await refused('a reference to nothing', {referenceValue: 'nonsense'});
  const vector = values => ({mapValue: {fields: {__type__: {stringValue: '__vector__'}, value: {arrayValue: {values}}}}});
  await refused('a vector of 2049', vector(Array(2049).fill({doubleValue: 1})));
  await refused('an empty vector', vector([]));
  await refused('a vector of text', vector([{stringValue: 'x'}]));
  await refused('a reserved name in a map', {mapValue: {fields: {__x__: int(1)}}});
  check.is('nothing was written', (await check.db.doc('c/a').get()).exists, false);
});

scenario('rpc/references', async check => {
  const {client, root, database} = check.raw();
  const names = [`${root}/c/a`, `projects/${check.project}/databases/other/documents/c/a`, 'projects/another-project/databases/(default)/documents/c/a/d/b'];
  const fields = Object.fromEntries(names.map((referenceValue, at) => [`r${at}`, {referenceValue}]));
  await client.commit({database, writes: [{update: {name: `${root}/c/a`, fields}}]});
  const [read] = await client.getDocument({name: `${root}/c/a`});
  check.is('kept, wherever they lead', names.map((_, at) => read.fields[`r${at}`].referenceValue === names[at]), [true, true, true]);
});

scenario('rpc/same-document', async check => {
  const {client, root, database} = check.raw();
  const name = `${root}/c/a`;
  const set = value => ({update: {name, fields: n(value)}});
  const absent = {exists: false};
  const [{writeResults}] = await client.commit({database, writes: [set(1), {delete: name}, set(2), {...set(3), updateMask: {fieldPaths: ['n']}}]});
  check.is('one after another', number((await client.getDocument({name}))[0]), 3);
  check.is('a result each', writeResults.map(({updateTime}) => updateTime !== null), [true, false, true, true]);
  await check.fails('created twice', client.commit({database, writes: [{delete: name}, {...set(1), currentDocument: absent}, {...set(2), currentDocument: absent}]}), 'INVALID_ARGUMENT');
  await check.fails('deleted, then demanded', client.commit({database, writes: [{delete: name}, {...set(1), currentDocument: {exists: true}}]}), 'INVALID_ARGUMENT');
  check.is('nothing of it', number((await client.getDocument({name}))[0]), 3);
});

scenario('rpc/masks', async check => {
  const {client, root} = check.raw();
  const name = `${root}/c/a`;
  const text = stringValue => ({stringValue});
  await client.updateDocument({document: {name, fields: {'odd.name': text('dot'), 'a`b': text('tick'), m: {mapValue: {fields: {'0': text('zero'), x: text('x')}}}}}});
  const read = async fieldPaths => Object.keys((await client.getDocument({name, mask: {fieldPaths}}))[0].fields).sort();
  check.is('quoted', await read(['`odd.name`', '`a\\`b`']), ['a`b', 'odd.name']);
  check.is('a digit inside a map', await read(['m.`0`']), ['m']);
  check.is('none', await read([]), []);
  const [after] = await client.updateDocument({document: {name, fields: {}}, updateMask: {fieldPaths: ['`odd.name`', 'm.x', 'absent.deep']}});
  check.is('what a mask names and the document lacks goes', Object.keys(after.fields).sort(), ['a`b', 'm']);
  await check.fails('an unfinished quote', client.updateDocument({document: {name, fields: {}}, updateMask: {fieldPaths: ['`a']}}), 'INVALID_ARGUMENT');
  await check.fails('a name that needs quotes', client.updateDocument({document: {name, fields: {}}, updateMask: {fieldPaths: ['0a']}}), 'INVALID_ARGUMENT');
});

scenario('rpc/batch-write', async check => {
  const {client, root, database} = check.raw();
  const name = id => `${root}/c/${id}`;
  const [answer] = await client.batchWrite({database, writes: [
    {update: {name: name('a'), fields: n(1)}}, {update: {name: name('b'), fields: n(1)}, currentDocument: {exists: true}}, {delete: name('c')},
  ]});
  check.is('a status for each', answer.status.map(({code}) => code), [0, 5, 0]);
  check.is('a time for each written', answer.writeResults.map(({updateTime}) => updateTime !== null), [true, false, false]);
  await check.fails('one document twice', client.batchWrite({database, writes: [{delete: name('a')}, {delete: name('a')}]}), 'INVALID_ARGUMENT');
});

scenario('rpc/partition-query', async check => {
  const {client, root} = check.raw();
  for (let part = 0; part < 10; part++) await client.createDocument({parent: root, collectionId: 'c', documentId: `d${part}`, document: {fields: n(part)}});
  const structuredQuery = {from: [{collectionId: 'c', allDescendants: true}], orderBy: [{field: {fieldPath: '__name__'}, direction: 'ASCENDING'}]};
  const [partitions] = await client.partitionQuery({parent: root, structuredQuery, partitionCount: 3});
  check.is('at most as many as asked for', partitions.length <= 3, true);
  check.is('a name each', partitions.every(({values}) => values.length === 1 && values[0].valueType === 'referenceValue'), true);
});

scenario('rpc/partition-query-invalid', async check => {
  const {client, root} = check.raw();
  await check.fails('without order', client.partitionQuery({parent: root, ...from('c'), partitionCount: 3}), 'INVALID_ARGUMENT');
});

scenario('rpc/names', async check => {
  const {client, root} = check.raw();
  await check.fails('a collection for a document', client.getDocument({name: `${root}/c`}), 'INVALID_ARGUMENT');
  await check.fails('nothing of the kind', client.getDocument({name: 'nonsense'}), 'INVALID_ARGUMENT');
  await check.fails('an empty segment', client.getDocument({name: `${root}/c//s/a`}), 'INVALID_ARGUMENT');
  await check.fails('no name', client.getDocument({}), 'INVALID_ARGUMENT');
  await check.fails('a collection for a parent', client.listDocuments({parent: `${root}/c`, collectionId: 'c'}), 'INVALID_ARGUMENT');
});
