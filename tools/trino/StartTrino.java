/** Starts Trino from its jars: the server's own launcher is not published apart from a distribution. */
public final class StartTrino {
    public static void main(String[] arguments) throws Exception {
        Object server = Class.forName("io.trino.server.Server").getConstructor().newInstance();
        server.getClass().getMethod("start", String.class).invoke(server, arguments[0]);
    }
}
