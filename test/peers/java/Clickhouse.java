import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.query.GenericRecord;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Asks Muster's ClickHouse endpoint by JDBC with its defaults, as DBeaver, Metabase and Tableau do, and by the client v2. */
public final class Clickhouse {
  private static final String COUNTED =
      "SELECT result, toUInt64(count()) AS n FROM attempts WHERE source = %s GROUP BY result ORDER BY result";

  public static void main(String[] arguments) throws Exception {
    var address = arguments[0];
    var key = arguments[1];
    var source = arguments[2];
    var rows = new ArrayList<String>();
    var tables = new ArrayList<String>();
    var refused = "";
    var columns = 0;
    var url = "jdbc:ch:" + address + "muster";
    try (var connection = DriverManager.getConnection(url, "muster", key)) {
      try (var statement = connection.prepareStatement(String.format(COUNTED, "?"))) {
        statement.setString(1, source);
        try (var found = statement.executeQuery()) {
          columns = found.getMetaData().getColumnCount();
          while (found.next()) rows.add(row(found.getString("result"), found.getLong("n")));
        }
      }
      try (var found = connection.getMetaData().getTables(null, "muster", "%", null)) {
        while (found.next()) tables.add("\"" + found.getString("TABLE_NAME") + "\"");
      }
      try (var statement = connection.createStatement()) {
        statement.executeQuery("SELECT file('/etc/passwd')");
      } catch (SQLException error) {
        refused = error.getMessage();
      }
    }
    var all = new ArrayList<String>();
    try (var client = new Client.Builder().addEndpoint(address).setUsername("muster").setPassword(key).setDefaultDatabase("muster").build()) {
      List<GenericRecord> found = client.queryAll(String.format(COUNTED, "'" + source + "'"));
      for (var record : found) all.add(row(record.getString("result"), record.getLong("n")));
    }
    System.out.printf(
        "{\"rows\":[%s],\"all\":[%s],\"tables\":[%s],\"columns\":%d,\"refused\":\"%s\"}%n",
        String.join(",", rows), String.join(",", all), String.join(",", tables), columns, refused.replaceAll("[\"\\\\\n\r\t]", " "));
  }

  private static String row(String result, long count) {
    return "[\"" + result + "\"," + count + "]";
  }
}
