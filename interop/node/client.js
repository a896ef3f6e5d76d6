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

/** The generated client, for what the hand-written one does not say. */
export function rawClient() {
  const [servicePath, port] = host.split(':');
  return new v1.FirestoreClient({servicePath, port: Number(port), sslCreds: grpc.credentials.createInsecure(), projectId: 'unused'});
}

/** The headers without which the official emulator refuses streams. */
export function headersFor(database) {
  return {otherArgs: {headers: {'google-cloud-resource-prefix': database, authorization: 'Bearer owner'}}};
}
