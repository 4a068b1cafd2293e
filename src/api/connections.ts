import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Each open connection costs some kilobytes; a gateway's clients keep a few each. */
const MAX_CONNECTIONS = 1024

/**
 * Bounds the connections of a server. At the limit the one is closed that was opened first among those that never showed a
 * credential: so nobody can keep others out by holding connections open.
 */
export class Connections {
  readonly #limit: number
  readonly #unknown = new Set<Socket>()
  #count = 0

  constructor(server: Server, limit: number = MAX_CONNECTIONS) {
    this.#limit = limit
    server.on('connection', socket => this.#opened(socket))
  }

  /** A credential came over this connection, and held. */
  vouchFor(socket: Socket): void {
    this.#unknown.delete(socket)
  }

  #opened(socket: Socket): void {
    this.#count += 1
    this.#unknown.add(socket)
    socket.once('close', () => {
      this.#count -= 1
      this.#unknown.delete(socket)
    })
    if (this.#count <= this.#limit) return
    const [oldest = socket] = this.#unknown
    oldest.destroy()
  }
}
