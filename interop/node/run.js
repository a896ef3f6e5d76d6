// Runs the scenarios against the server that FIRESTORE_EMULATOR_HOST names; prints a line of JSON for each.
//   node run.js [--only PART-OF-A-NAME] [--jobs N] [--list]
import {readdirSync} from 'node:fs';
import {parseArgs} from 'node:util';

import {host} from './client.js';
import {registered, run} from './scenario.js';

const {values: options} = parseArgs({
  options: {only: {type: 'string', default: ''}, jobs: {type: 'string', default: '4'}, list: {type: 'boolean', default: false}},
});

if (!host && !options.list) {
  console.error('set FIRESTORE_EMULATOR_HOST, or run `cargo xtask interop`');
  process.exit(2);
}

for (const file of readdirSync(new URL('scenarios/', import.meta.url)).sort()) {
  await import(`./scenarios/${file}`);
}

const queue = registered().filter(scenario => scenario.name.includes(options.only));
if (options.list) {
  queue.forEach(({name}) => console.log(name));
  process.exit(0);
}

// What a client throws outside of any call is its bug or ours; either way it is seen.
process.on('unhandledRejection', error => console.error('unhandled:', String(error).split('\n', 1)[0]));

async function work() {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const started = performance.now();
    const outcome = await run(next);
    console.log(JSON.stringify({...outcome, milliseconds: Math.round(performance.now() - started)}));
  }
}
await Promise.all(Array.from({length: Number(options.jobs)}, work));
// Open streams of scenarios that did not end must not keep the process.
process.stdout.write('', () => process.exit(0));
