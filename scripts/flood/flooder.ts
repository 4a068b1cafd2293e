import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { SoakNetwork } from '../soak/network.ts'
import type { Orders, Sent, Target } from './hostile.ts'

/** Takes the place of one daemon of a network: its identity, its address and its peers, and none of its manners. */
export class Flooder {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** The daemon `name` must not run. */
  static start(network: SoakNetwork, name: string, target: Target): Flooder {
    const { dir, listen } = network.node(name)
    const { passphraseFile } = network.state
    const orders: Orders = { dir, passphraseFile, listen, ...target }
    const program = join(import.meta.dirname, 'hostile.ts')
    return new Flooder(
      fork(program, [JSON.stringify(orders)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
    )
  }

  /** What it has sent so far. */
  async sent(): Promise<Sent> {
    const answer = once(this.#child, 'message')
    this.#child.send('sent')
    return (await answer)[0] as Sent
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
