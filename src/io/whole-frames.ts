import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'

type Factory<C> = (components: C) => StreamMuxerFactory<StreamMuxer>

/**
 * A muxer whose frames go to the connection in one piece. Yamux hands over header and payload as a list, and the encrypter
 * makes of each item a record of its own, with 22 bytes around it (RFC 8446 section 5.2) and a system call: for the
 * small frames of this network that is half of all records.
 */
export function inWholeFrames<C>(make: Factory<C>): Factory<C> {
  return components => {
    const factory = make(components)
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        sendWhole(connection)
        return factory.createStreamMuxer(connection)
      },
    }
  }
}

function sendWhole(connection: MessageStream): void {
  const send = connection.send.bind(connection)
  // `subarray` of a list of several items copies them into one
  connection.send = data => send(data.subarray())
}
