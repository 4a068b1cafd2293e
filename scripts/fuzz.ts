import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { equalBytes, isOstrakaError, SeededRng, toHex } from '../src/base/index.ts'
import { cryptoReady } from '../src/crypto/index.ts'
import { mutate } from './fuzz-mutations.ts'
import { type FuzzTarget, fuzzTargets } from './fuzz-targets.ts'

/** What is promised: a million inputs per decoder crash nothing. */
const DEFAULT_INPUTS = 1_000_000

export interface FuzzResult {
  readonly name: string
  readonly inputs: number
  readonly accepted: number
  readonly seconds: number
  /** What went wrong first, with the input that shows it; undefined when nothing did. */
  readonly failure: string | undefined
}

/** Feeds `inputs` bent samples to one decoder. The same seed gives the same inputs. */
export function fuzz(target: FuzzTarget, inputs: number, seed: string): FuzzResult {
  const rng = new SeededRng(`fuzz/${seed}/${target.name}`)
  const startMs = performance.now()
  let accepted = 0
  let failure: string | undefined
  let done = 0
  for (; done < inputs && failure === undefined; done++) {
    const bytes = mutate(rng, target.corpus)
    const before = new Uint8Array(bytes)
    try {
      const again = target.read(bytes)
      accepted++
      if (!equalBytes(bytes, before)) failure = `the decoder changed its input ${toHex(before)}`
      const expected = target.isStream ? before.subarray(0, again.length) : before
      if (!target.isOneWay && !equalBytes(again, expected)) {
        failure = `${toHex(before)} came back as ${toHex(again)}`
      }
    } catch (error) {
      if (!isOstrakaError(error) || error.code === 'internal')
        failure = `${String(error)} on ${toHex(before)}`
    }
  }
  return { name: target.name, inputs: done, accepted, seconds: (performance.now() - startMs) / 1000, failure }
}

interface Task {
  readonly name: string
  readonly inputs: number
  readonly seed: string
}

/** One worker process a core; each takes the next decoder when it is done with one. */
async function fuzzAll(names: readonly string[], inputs: number, seed: string): Promise<FuzzResult[]> {
  const waiting = [...names]
  const results: FuzzResult[] = []
  const workers = Array.from({ length: Math.min(availableParallelism(), names.length) }, () => {
    const worker = fork(import.meta.filename, ['--worker'])
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const next = (): void => {
      const name = waiting.shift()
      if (name === undefined) worker.disconnect()
      else worker.send({ name, inputs, seed } satisfies Task)
    }
    worker.on('message', (result: FuzzResult) => {
      report(result)
      results.push(result)
      next()
    })
    worker.on('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker died of ${code}`))))
    next()
    return promise
  })
  await Promise.all(workers)
  return results
}

function report({ name, inputs, accepted, seconds, failure }: FuzzResult): void {
  const rate = Math.round(inputs / seconds).toLocaleString('en')
  const share = ((100 * accepted) / inputs).toFixed(1)
  console.log(
    `${failure === undefined ? 'ok  ' : 'FAIL'} ${name.padEnd(26)} ${inputs} inputs, ${share} % accepted, ${rate}/s`,
  )
  if (failure !== undefined) console.log(`     ${failure.slice(0, 4000)}`)
}

async function work(): Promise<void> {
  await cryptoReady
  const targets = fuzzTargets()
  process.on('message', ({ name, inputs, seed }: Task) => {
    process.send!(fuzz(targets.find(target => target.name === name)!, inputs, seed))
  })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: String(DEFAULT_INPUTS) },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
      worker: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.worker) return work()
  if (values.help) return console.log('fuzz [--inputs N] [--seed S] [--only PART-OF-A-NAME]')
  await cryptoReady
  const names = fuzzTargets()
    .map(target => target.name)
    .filter(name => name.includes(values.only))
  console.log(`${names.length} decoders, ${values.inputs} inputs each, seed ${values.seed}`)
  const results = await fuzzAll(names, Number(values.inputs), values.seed)
  const failed = results.filter(result => result.failure !== undefined)
  const total = results.reduce((sum, result) => sum + result.inputs, 0)
  console.log(`${total} inputs, ${failed.length} of ${results.length} decoders failed`)
  if (failed.length > 0) {
    console.log(
      `replay: npm run fuzz -- --inputs ${values.inputs} --seed ${values.seed} --only '${failed[0]!.name}'`,
    )
    process.exitCode = 1
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
