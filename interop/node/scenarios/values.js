import {FieldValue, GeoPoint, Timestamp} from '../client.js';
import {scenario} from '../scenario.js';

scenario('values/round-trip', async check => {
  const {db} = check;
  const values = {
    nothing: null, yes: true, no: false,
    zero: 0, one: 1, negative: -1, large: Number.MAX_SAFE_INTEGER, half: 0.5, minusZero: -0, tiny: 5e-324, huge: 1.7976931348623157e308,
    nan: NaN, infinity: Infinity, minusInfinity: -Infinity,
    epoch: new Timestamp(0, 0), before: new Timestamp(-62135596800, 0), after: new Timestamp(253402300799, 999999000), micro: new Timestamp(1, 1000),
    empty: '', text: 'grüße 😀 \u0000 \ue000', long: 'x'.repeat(10_000),
    noBytes: Buffer.alloc(0), bytes: Buffer.from([0, 255, 1]),
    reference: db.doc('other/b/deeper/c'), point: new GeoPoint(-90, 180), origin: new GeoPoint(0, 0),
    list: [1, 'a', null, {in: [1, 2]}], emptyList: [], map: {a: {b: {c: []}}}, emptyMap: {}, 'odd.name`\\': 2, 'übel': 3,
    vector: FieldValue.vector([1, -0.5, 3e300]),
  };
  await db.doc('c/a').set(values);
  const data = (await db.doc('c/a').get()).data();
  for (const [name, value] of Object.entries(values)) check.is(name, data[name], value);
  check.is('nothing else', Object.keys(data).sort(), Object.keys(values).sort());
});

scenario('values/integers', async check => {
  const db = check.open({useBigInt: true});
  const values = {min: -(2n ** 63n), max: 2n ** 63n - 1n, beyond: 2n ** 53n + 1n};
  await db.doc('c/a').set(values);
  check.is('all 64 bits', (await db.doc('c/a').get()).data(), values);
  await db.doc('c/b').set({n: 2n ** 53n});
  await db.doc('c/c').set({n: 2 ** 53 * 1.0000000000000002});
  const found = await db.collection('c').where('n', '>=', 2n ** 53n + 1n).get();
  check.is('compared exactly with doubles', found.docs.map(doc => doc.id), ['c']);
});

scenario('values/timestamps', async check => {
  const document = check.db.doc('c/a');
  await document.set({t: new Timestamp(1, 1999), negative: new Timestamp(-1, 999999999)});
  const data = (await document.get()).data();
  check.is('cut to microseconds', data, {t: new Timestamp(1, 1000), negative: new Timestamp(-1, 999999000)});
});

scenario('values/order', async check => {
  const {db} = check;
  const ascending = [
    null, false, true, NaN, -Infinity, -1.5, -1, 0, 0.5, 1, 2 ** 53, Infinity,
    new Timestamp(0, 0), new Timestamp(0, 1000), '', 'a', 'b', '\ue000', '\uff5a', '\u{1f600}',
    Buffer.alloc(0), Buffer.from([0]), Buffer.from([255]),
    db.doc('a/a'), db.doc('a/b'), db.doc('a/a/b/c'), new GeoPoint(-1, 5), new GeoPoint(0, 0), new GeoPoint(0, 1),
    [], [1], [1, 1], [2], FieldValue.vector([9]), FieldValue.vector([1, 1]), FieldValue.vector([1, 2]),
    {}, {a: 1}, {a: 1, b: 1}, {a: 2}, {b: 0},
  ];
  // References are ordered segment by segment: a/a, a/a/b/c, a/b.
  const from = ascending.findIndex(value => value?.path === 'a/b');
  ascending.splice(from, 2, ascending[from + 1], ascending[from]);
  const batch = db.batch();
  ascending.forEach((v, index) => batch.set(db.doc(`c/${String(97 * (index + 1) % 101).padStart(3, '0')}`), {v, index}));
  await batch.commit();
  const rising = await db.collection('c').orderBy('v').get();
  check.is('rising', rising.docs.map(doc => doc.get('index')), ascending.map((_, index) => index));
  const falling = await db.collection('c').orderBy('v', 'desc').get();
  check.is('falling', falling.docs.map(doc => doc.get('index')), ascending.map((_, index) => ascending.length - 1 - index));
});

scenario('values/ids', async check => {
  const {db} = check;
  const ascending = ['__id-7__', '__id3__', '__id12__', '10', '9', 'A', 'a', 'ä', '\uff5a', '\u{1f600}'];
  await Promise.all(ascending.map(id => db.collection('c').doc(id).set({id})));
  const found = await db.collection('c').get();
  check.is('numeric ids first, then by bytes', found.docs.map(doc => doc.id), ascending);
  const odd = ['a b', 'a%2Fb', 'a+b', "quote'\"", 'back`tick', 'ünïcode', '😀'];
  await Promise.all(odd.map(id => db.collection('odd').doc(id).set({id})));
  const names = (await Promise.all(odd.map(id => db.collection('odd').doc(id).get()))).map(doc => doc.get('id'));
  check.is('odd ids', names, odd);
});
