// What a scenario is, and what it may say of a server.
import {randomBytes} from 'node:crypto';
import {isDeepStrictEqual} from 'node:util';

import {Firestore, GrpcStatus, rawClient} from './client.js';
import {plain} from './plain.js';

const scenarios = [];

/** Registers a scenario. `options.seconds` bounds it, 30 unless said. */
export function scenario(name, body, options = {}) {
  if (scenarios.some(known => known.name === name)) throw new Error(`two scenarios are called ${name}`);
  scenarios.push({name, body, seconds: options.seconds ?? 30});
}

export function registered() {
  return scenarios;
}

/** Runs one scenario in a project of its own; answers what was seen, step by step. */
export async function run({name, body, seconds}) {
  const check = new Check();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished after ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([body(check), late]);
    check.is('end', 'reached', 'reached');
  } catch (error) {
    check.is('end', failure(error), 'reached');
  } finally {
    clearTimeout(timer);
    check.close();
  }
  return {scenario: name, steps: check.steps};
}

/** The project of one scenario, and the record of what the server answered in it. */
class Check {
  steps = [];
  project = `interop-${randomBytes(6).toString('hex')}`;
  #clients = [];

  constructor() {
    this.db = this.open();
  }

  /** Another client of the same project. */
  open(settings = {}) {
    const client = new Firestore({projectId: this.project, ...settings});
    this.#clients.push(client);
    return client;
  }

  /** The generated client, and the names that its requests need. */
  raw(databaseId = '(default)') {
    const database = `projects/${this.project}/databases/${databaseId}`;
    const client = rawClient(database);
    this.#clients.push({terminate: () => client.close()});
    return {client, database, root: `${database}/documents`};
  }

  /** The server's answer, and what production answers. */
  is(step, answer, expected) {
    const [seen, wanted] = [plain(answer), plain(expected)];
    this.#record(step, seen, isDeepStrictEqual(seen, wanted) ? undefined : wanted);
  }

  /** A call that production refuses with `code`, and with a message like `kind`. */
  async fails(step, promise, code, kind = /(?:)/) {
    let seen;
    try {
      const answer = await promise;
      seen = {succeeded: plain(answer === undefined ? null : typeof answer === 'object' ? 'an object' : answer)};
    } catch (error) {
      seen = failure(error);
    }
    if (seen.code === code && kind.test(seen.message)) {
      this.#record(step, {code});
    } else {
      this.#record(step, seen, {code, message: String(kind)});
    }
  }

  /** Times that the server gave, each later than the one before. */
  ascending(step, ...times) {
    const relations = times.slice(1).map((time, index) => Math.sign(compareTimes(times[index], time)));
    this.is(step, relations, relations.map(() => -1));
  }

  #record(step, answer, expected) {
    if (this.steps.some(known => known.step === step)) throw new Error(`two steps are called ${step}`);
    this.steps.push(expected === undefined ? {step, answer} : {step, answer, expected});
  }

  close() {
    for (const client of this.#clients) {
      Promise.resolve(client.terminate()).catch(() => {});
    }
  }
}

function compareTimes(a, b) {
  const [left, right] = [a, b].map(time => time.toDate ? [time.seconds, time.nanoseconds] : [Number(time.seconds), time.nanos]);
  return left[0] - right[0] || left[1] - right[1];
}

/** An error as a code's name and a message without names of projects or times. */
export function failure(error) {
  const code = typeof error?.code === 'number' ? GrpcStatus[error.code] : error?.name ?? typeof error;
  const message = String(error?.details || error?.message || error)
    .replace(/interop-[0-9a-f]{12}/g, 'PROJECT')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'TIME')
    .replace(/\b\d{10,}\b/g, 'NUMBER');
  return {code, message: message.slice(0, 300)};
}

/** Calls `condition` whenever `event` rings until it is true. */
export function signal() {
  const waiting = new Set();
  return {
    ring() {
      for (const look of [...waiting]) look();
    },
    until(condition) {
      return new Promise((resolve, reject) => {
        const look = () => {
          try {
            const value = condition();
            if (!value) return;
            resolve(value);
          } catch (error) {
            reject(error);
          }
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      });
    },
  };
}
