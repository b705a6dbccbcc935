// What Spark's Kafka connector calls of Spark's "token provider" jar, for places where that jar cannot be had.
// Delegation tokens belong to Kerberos, which no test here uses; so there is never one to add or to renew.
package org.apache.spark.kafka010

import java.util.{HashMap => JHashMap, Map => JMap}

import org.apache.spark.SparkConf

case class KafkaTokenClusterConf(identifier: String)

class KafkaConfigUpdater(module: String, params: Map[String, Object]) {
  private val result = new JHashMap[String, Object]()
  params.foreach { case (name, value) => result.put(name, value) }

  def set(name: String, value: Object): this.type = { result.put(name, value); this }
  def setIfUnset(name: String, value: Object): this.type = { result.putIfAbsent(name, value); this }
  def setAuthenticationConfigIfNeeded(): this.type = this
  def setAuthenticationConfigIfNeeded(cluster: Option[KafkaTokenClusterConf]): this.type = this
  def build(): JMap[String, Object] = result
}

object KafkaTokenUtil {
  def findMatchingTokenClusterConfig(conf: SparkConf, servers: String): Option[KafkaTokenClusterConf] = None
  def needTokenUpdate(params: JMap[String, Object], cluster: Option[KafkaTokenClusterConf]): Boolean = false
}

object KafkaRedactionUtil {
  def redactParams(params: Seq[(String, Object)]): Seq[(String, String)] = params.map { case (name, value) =>
    val secret = Seq("secret", "password", "token", "jaas").exists(name.toLowerCase.contains)
    name -> (if (secret) "*********(redacted)" else String.valueOf(value))
  }
}
