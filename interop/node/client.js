// The official client, from where `npm ci` put it: beside this file, or where FIREKEEP_INTEROP_MODULES says.
import {createRequire} from 'node:module';
import {join} from 'node:path';

const folder = process.env.FIREKEEP_INTEROP_MODULES;
const require = createRequire(folder ? join(folder, 'package.json') : import.meta.url);

export const {
  Aggregate, AggregateField, BulkWriter, BundleBuilder, CollectionReference, DocumentReference, DocumentSnapshot,
  FieldPath, FieldValue, Filter, Firestore, GeoPoint, GrpcStatus, QueryDocumentSnapshot, Timestamp, VectorValue, v1,
} = require('@google-cloud/firestore');

const {grpc} = require('google-gax');

export const host = process.env.FIRESTORE_EMULATOR_HOST;

/**
 * The generated client, for what the hand-written one does not say. Each call carries the headers without which the
 * official emulator refuses streams and what only an owner may do.
 */
export function rawClient(database) {
  const [servicePath, port] = host.split(':');
  const client = new v1.FirestoreClient({servicePath, port: Number(port), sslCreds: grpc.credentials.createInsecure(), projectId: 'unused'});
  const headers = {'google-cloud-resource-prefix': database, authorization: 'Bearer owner'};
  const call = (method, name) => (...args) => {
    const options = {...args[STREAMS.has(name) ? 0 : 1], otherArgs: {headers}};
    return STREAMS.has(name) ? method.call(client, options) : method.call(client, args[0], options);
  };
  return new Proxy(client, {
    get(_, name) {
      const member = client[name];
      return typeof member === 'function' && name !== 'close' ? call(member, name) : typeof member === 'function' ? member.bind(client) : member;
    },
  });
}

const STREAMS = new Set(['listen', 'write']);
