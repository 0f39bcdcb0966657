import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

class App {
    public static void main(String[] arguments) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://api.mch.weixin.qq.com/v3/certificates"))
                .header("Accept", "application/json")
                .header("User-Agent", "shop/1")
                .header("Authorization", System.getenv("AUTHORIZATION"))
                .build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.statusCode() + " " + answer.headers().firstValue("Wechatpay-Serial").orElse(""));
    }
}
