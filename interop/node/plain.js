// Answers as plain JSON that two servers can be compared by: nothing in it depends on when or where it was given.
import {DocumentReference, GeoPoint, Timestamp, VectorValue, CollectionReference} from './client.js';

export function plain(value) {
  if (value === undefined) return {undefined: true};
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return {int: String(value)};
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return {bytes: Buffer.from(value).toString('hex')};
  if (value instanceof DocumentReference || value instanceof CollectionReference) return {ref: value.path};
  if (value instanceof GeoPoint) return {geo: [value.latitude, value.longitude]};
  if (value instanceof Timestamp) return {time: [value.seconds, value.nanoseconds]};
  if (value instanceof VectorValue) return {vector: value.toArray().map(plain)};
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, plain(inner)]));
}

function number(value) {
  if (Number.isFinite(value) && !Object.is(value, -0)) return value;
  return {double: Object.is(value, -0) ? '-0' : String(value)};
}
